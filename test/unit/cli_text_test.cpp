// What the program writes of texts that others have chosen, and its bars.
#include "../../src/cli/html_text.hpp"
#include "../../src/cli/progress_bar.hpp"
#include "../../src/cli/terminal_text.hpp"
#include "../../src/cli/text_table.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace {

using namespace caas::cli;
using namespace std::string_literals;

TEST(TerminalText, OrdinaryTextStays) {
    for (const std::string text : {"", "people", "schön", "日本", "\xf0\x9f\x98\x80", "a\\b \"c\""}) {
        EXPECT_EQ(printable(text), text);
    }
}

TEST(TerminalText, ControlCharactersAreEscaped) {
    EXPECT_EQ(printable("\x1b[31m\x07\x7f\n\t"), "\\x1b[31m\\x07\\x7f\\x0a\\x09");
    EXPECT_EQ(printable("a\0b"s), "a\\x00b");
    EXPECT_EQ(printable("\xc2\x9b\x31m"), "\\u009b1m");  // CSI in one character
    for (int c = 0; c < 0x20; c++) EXPECT_EQ(printable(std::string(1, static_cast<char>(c))).size(), 4U) << c;
}

TEST(TerminalText, WhatChangesTheDirectionOrIsNotSeenIsEscaped) {
    EXPECT_EQ(printable("\u202eabc"), "\\u202eabc");
    EXPECT_EQ(printable("\u200b\u2066\ufeff\u2028\u00ad"), "\\u200b\\u2066\\ufeff\\u2028\\u00ad");
    EXPECT_EQ(printable("\U000e0041"), "\\U000e0041");  // a tag
    EXPECT_EQ(printable("\U0010ffff"), "\\U0010ffff");
}

TEST(TerminalText, BytesThatAreNotUtf8AreEscapedOneByOne) {
    EXPECT_EQ(printable("a\xff\x80z"), "a\\xff\\x80z");
    EXPECT_EQ(printable("\xe2\x82"), "\\xe2\\x82");           // cut off
    EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
    EXPECT_EQ(printable("\xc0\x9b"), "\\xc0\\x9b");           // too long a form of ESC
}

TEST(TerminalText, LinesMayStay) { EXPECT_EQ(printable_lines("one\ntwo\r\n\x1b"), "one\ntwo\\x0d\n\\x1b"); }

TEST(TerminalText, ColumnsAreThoseOfATerminal) {
    EXPECT_EQ(columns_of(""), 0U);
    EXPECT_EQ(columns_of("schön"), 5U);
    EXPECT_EQ(columns_of("日本"), 4U);
    EXPECT_EQ(columns_of("e\u0301"), 1U);  // with a combining accent
}

TEST(TerminalText, ClippingKeepsWholeCharacters) {
    EXPECT_EQ(clipped("people", 3), "peo");
    EXPECT_EQ(clipped("people", 6), "people");
    EXPECT_EQ(clipped("日本", 3), "日");
    EXPECT_EQ(clipped("ée", 1), "é");
    EXPECT_EQ(clipped("e\u0301x", 1), "e\u0301");
    EXPECT_EQ(clipped("x", 0), "");
}

TEST(ProgressBar, GivesWayToTheFiguresBesideIt) {
    EXPECT_EQ(bar_within(20, 100), 20U);
    EXPECT_EQ(bar_within(20, 20), 20U);
    EXPECT_EQ(bar_within(20, 19), 19U);
    EXPECT_EQ(bar_within(20, 5), 5U);
    EXPECT_EQ(bar_within(20, 4), 0U);
    EXPECT_EQ(bar_within(20, -30), 0U);
    EXPECT_EQ(bar_within(0, 30), 0U);
}

TEST(ProgressBar, IsFullOnlyWhenAllIsDone) {
    EXPECT_EQ(progress_bar(0, 4, false), "----");
    EXPECT_EQ(progress_bar(0.5, 4, false), "##--");
    EXPECT_EQ(progress_bar(0.999, 4, false), "###-");
    EXPECT_EQ(progress_bar(1, 4, false), "####");
}

TEST(ProgressBar, BlocksHaveEighths) {
    EXPECT_EQ(progress_bar(0, 2, true), "░░");
    EXPECT_EQ(progress_bar(1.0 / 16, 2, true), "▏░");
    EXPECT_EQ(progress_bar(0.75, 2, true), "█▌");
    EXPECT_EQ(progress_bar(0.9999, 2, true), "█▉");
    EXPECT_EQ(progress_bar(1, 2, true), "██");
    for (int i = 0; i <= 100; i++) EXPECT_EQ(columns_of(progress_bar(i / 100.0, 20, true)), 20U) << i;
}

TEST(ProgressBar, WhatIsNoFractionIsNoHarm) {
    const double infinity = std::numeric_limits<double>::infinity();
    EXPECT_EQ(progress_bar(std::nan(""), 3, false), "---");
    EXPECT_EQ(progress_bar(-1, 3, false), "---");
    EXPECT_EQ(progress_bar(7, 3, false), "###");
    EXPECT_EQ(progress_bar(infinity, 3, true), "███");
    EXPECT_EQ(progress_bar(0.5, 0, true), "");
    EXPECT_EQ(percent_text(std::nan("")), "0 %");
}

TEST(ProgressBar, Percentages) {
    EXPECT_EQ(percent_text(0.4399), "43 %");
    EXPECT_EQ(percent_text(0.9999), "99 %");
    EXPECT_EQ(percent_text(1), "100 %");
}

TEST(ProgressBar, Amounts) {
    EXPECT_EQ(amount_text(0), "0");
    EXPECT_EQ(amount_text(999), "999");
    EXPECT_EQ(amount_text(1000), "1,000");
    EXPECT_EQ(amount_text(-1234567), "-1,234,567");
    EXPECT_EQ(amount_text(-123), "-123");
    EXPECT_EQ(amount_text(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(ProgressBar, Durations) {
    EXPECT_EQ(duration_text(0.9), "0 s");
    EXPECT_EQ(duration_text(59.9), "59 s");
    EXPECT_EQ(duration_text(200), "3 min 20 s");
    EXPECT_EQ(duration_text(2 * 3600 + 3 * 60 + 59), "2 h 3 min");
    EXPECT_EQ(duration_text(49 * 3600), "2 d 1 h");
    EXPECT_EQ(duration_text(1e300), "more than a year");
    EXPECT_EQ(duration_text(-1), "0 s");
    EXPECT_EQ(duration_text(std::nan("")), "0 s");
}

TEST(TextTable, ColumnsAreAligned) {
    TextTable table({"NAME", ">ROWS", "REST"});
    EXPECT_TRUE(table.empty());
    table.add({"日本", "7", "a"});
    table.add({"x", "1,234", ""});
    EXPECT_FALSE(table.empty());
    EXPECT_EQ(table.text(), "NAME   ROWS  REST\n日本      7  a\nx     1,234\n");
}

TEST(TextTable, CellsArePrintable) {
    TextTable table({"A"});
    table.add({"\x1b[2J\n"});
    EXPECT_EQ(table.text(), "A\n\\x1b[2J\\x0a\n");
}

TEST(HtmlText, WhatHtmlActsOnIsEscaped) {
    EXPECT_EQ(html_escaped("<script>\"a\" & 'b'</script>"),
              "&lt;script&gt;&quot;a&quot; &amp; &#39;b&#39;&lt;/script&gt;");
    EXPECT_EQ(html_escaped("&lt;"), "&amp;lt;");
    EXPECT_EQ(html_escaped("plain ü"), "plain ü");
    for (int c = 1; c < 128; c++) {
        const std::string escaped = html_escaped(std::string(1, static_cast<char>(c)));
        EXPECT_EQ(escaped.find_first_of("<>\"'"), std::string::npos) << c;
    }
}

}  // namespace
