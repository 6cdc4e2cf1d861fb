#include "casefold.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace caas {

namespace {

struct Mark {
    std::uint64_t order;  // the combining class, then the position in the run
    char32_t c;

    std::uint8_t combining_class() const { return static_cast<std::uint8_t>(order >> 56); }
};

// MarkRun is a run of characters whose combining class is not 0, which canonical ordering sorts (D109).
class MarkRun {
public:
    void add(char32_t c, std::uint8_t combining_class) {
        marks_.push_back({std::uint64_t{combining_class} << 56 | marks_.size(), c});
    }
    bool empty() const { return marks_.empty(); }

    // Calls take(mark) for each mark in canonical order, and forgets them.
    template <typename Take>
    void drain(Take take) {
        // std::stable_sort would take memory of its own and leave the text there, insertion is slow for long runs.
        const auto before = [](const Mark& a, const Mark& b) { return a.order < b.order; };
        if (!std::is_sorted(marks_.begin(), marks_.end(), before)) std::sort(marks_.begin(), marks_.end(), before);
        for (const Mark& mark : marks_) take(mark);
        marks_.clear();
    }

private:
    std::vector<Mark, CleansingAllocator<Mark>> marks_;
};

// Composer brings decomposed characters into Normalization Form C (D117) and writes them.
class Composer {
public:
    Composer(const CharacterMaps& maps, TextWriter& writer) : maps_(maps), writer_(writer) {}
    Composer(const Composer&) = delete;
    Composer& operator=(const Composer&) = delete;
    ~Composer() { OPENSSL_cleanse(&starter_, sizeof starter_); }

    void put(char32_t c) {
        const std::uint8_t combining_class = maps_.combining_class(c);
        if (combining_class != 0) {
            marks_.add(c, combining_class);
            return;
        }
        const bool blocked = compose_marks();
        const char32_t composite = has_starter_ && !blocked ? maps_.compose(starter_, c) : 0;
        if (composite == 0) write();
        starter_ = composite == 0 ? c : composite;
        has_starter_ = true;
    }

    // Writes what is pending. What follows does not compose with it.
    void finish() {
        (void)compose_marks();
        write();
    }

private:
    // Composes the pending marks into the starter where they are not blocked (D115). True when some are left.
    bool compose_marks() {
        if (marks_.empty()) return !left_.empty();
        std::uint8_t last = 0;  // class of the last mark that was left
        marks_.drain([&](const Mark& mark) {
            const char32_t composite =
                has_starter_ && last < mark.combining_class() ? maps_.compose(starter_, mark.c) : 0;
            if (composite != 0) {
                starter_ = composite;
            } else {
                last = mark.combining_class();
                left_.push_back(mark.c);
            }
        });
        return !left_.empty();
    }

    void write() {
        if (has_starter_) writer_.put(starter_);
        has_starter_ = false;
        for (const char32_t c : left_) writer_.put(c);
        left_.clear();
    }

    const CharacterMaps& maps_;
    TextWriter& writer_;
    char32_t starter_ = 0;
    bool has_starter_ = false;
    MarkRun marks_;
    std::vector<char32_t, CleansingAllocator<char32_t>> left_;  // marks behind the starter
};

// Folder decomposes characters (NFD), folds each one, and gives the result to a Composer. The order of marks matters
// for folding: U+0345 folds to a letter, behind which no mark is sorted any more.
class Folder {
public:
    Folder(const CharacterMaps& maps, TextWriter& writer) : maps_(maps), composer_(maps, writer) {}
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    ~Folder() {
        OPENSSL_cleanse(decomposed_.data(), sizeof decomposed_);
        OPENSSL_cleanse(folded_.data(), sizeof folded_);
    }

    void put(char32_t c) {
        if (is_ascii(c)) {
            order(c);
            return;
        }
        const int count = maps_.decompose(c, decomposed_);
        fine_ = fine_ && count >= 0;
        for (int i = 0; i < count; i++) order(decomposed_[static_cast<std::size_t>(i)]);
    }

    void finish() {
        fold_marks();
        composer_.finish();
    }

    // False when ICU has failed.
    bool fine() const { return fine_; }

private:
    void order(char32_t c) {
        const std::uint8_t combining_class = maps_.combining_class(c);
        if (combining_class != 0) {
            marks_.add(c, combining_class);
            return;
        }
        fold_marks();
        fold(c);
    }

    void fold_marks() {
        if (!marks_.empty()) marks_.drain([&](const Mark& mark) { fold(mark.c); });
    }

    void fold(char32_t c) {
        if (is_ascii(c)) {
            composer_.put(c >= U'A' && c <= U'Z' ? c + (U'a' - U'A') : c);
            return;
        }
        const int count = maps_.fold(c, folded_);
        fine_ = fine_ && count >= 0;
        for (int i = 0; i < count; i++) composer_.put(folded_[static_cast<std::size_t>(i)]);
    }

    const CharacterMaps& maps_;
    Composer composer_;
    MarkRun marks_;
    CharacterMaps::Mapped decomposed_{};
    CharacterMaps::Mapped folded_{};
    bool fine_ = true;
};

// Unassigned code points that 15.0 makes invisible. Later versions keep some of them.
bool is_dropped(char32_t c) { return c == 0x2065 || (c >= 0xFFF0 && c <= 0xFFF8) || (c >= 0xE0000 && c <= 0xE0FFF); }

}  // namespace

Outcome casefold(Bytes text, TextWriter& writer) {
    const Error failure{.status = CAAS_ERR_UNICODE};
    CharacterMaps maps;
    if (!maps.load()) return failure;
    Folder folder(maps, writer);
    while (!text.empty()) {
        const char32_t c = take_code_point(text);
        if (is_assigned(c)) {
            folder.put(c);
        } else if (!is_dropped(c)) {
            folder.finish();
            writer.put(c);
        }
    }
    folder.finish();
    if (!folder.fine()) return failure;
    return Done{};
}

}  // namespace caas
