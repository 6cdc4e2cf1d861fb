#include "open_connections.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace caas::http {

namespace {

// The bytes that clients of one origin have in common: an IPv4 address, the /64 network of an IPv6 address, which a
// single client may have as a whole, or nothing for a Unix socket.
std::string address_of(const boost::asio::generic::stream_protocol::endpoint& peer) {
    constexpr std::size_t kNetworkBytes = 8;
    constexpr std::size_t kMappedBefore = 12;  // bytes before the IPv4 address in ::ffff:192.0.2.1
    std::string address;
    if (peer.data()->sa_family == AF_INET) {
        sockaddr_in v4{};
        std::memcpy(&v4, peer.data(), std::min(sizeof v4, peer.size()));
        address.assign(reinterpret_cast<const char*>(&v4.sin_addr), sizeof v4.sin_addr);
    } else if (peer.data()->sa_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, peer.data(), std::min(sizeof v6, peer.size()));
        address.assign(reinterpret_cast<const char*>(&v6.sin6_addr), sizeof v6.sin6_addr);
        address =
            IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr) ? address.substr(kMappedBefore) : address.substr(0, kNetworkBytes);
    }
    return address;
}

}  // namespace

void ConnectionGroup::PerThread::publish() {
    since.store(idle.empty() ? kNone : idle.front().since.time_since_epoch().count(), std::memory_order_relaxed);
}

void ConnectionGroup::add_idle(std::size_t thread, IdleNode& node, Clock::time_point now) {
    if (node.is_linked()) node.unlink();
    node.since = now;
    threads_[thread].idle.push_back(node);
    threads_[thread].publish();
}

void ConnectionGroup::remove_idle(std::size_t thread, IdleNode& node) {
    if (!node.is_linked()) return;
    node.unlink();
    threads_[thread].publish();
}

ConnectionBase* ConnectionGroup::longest_idle(std::size_t thread) const {
    const IdleList& idle = threads_[thread].idle;
    return idle.empty() ? nullptr : &idle.front().connection;
}

std::optional<std::size_t> ConnectionGroup::thread_of_longest_idle() const {
    std::optional<std::size_t> found;
    Clock::rep longest = kNone;
    for (std::size_t thread = 0; thread < threads_.size(); thread++) {
        const Clock::rep since = threads_[thread].since.load(std::memory_order_relaxed);
        if (since >= longest) continue;
        longest = since;
        found = thread;
    }
    return found;
}

OpenToken::~OpenToken() {
    if (owner_ != nullptr) owner_->remove(address_, *group_);
}

OpenToken OpenConnections::add(const boost::asio::generic::stream_protocol::endpoint& peer) {
    std::string address = address_of(peer);
    const std::lock_guard lock(mutex_);
    std::shared_ptr<ConnectionGroup>& group = by_address_[address];
    if (!group) group = std::make_shared<ConnectionGroup>(threads_);
    group->open++;
    all_.open++;
    return {*this, std::move(address), group};
}

void OpenConnections::remove(const std::string& address, ConnectionGroup& group) {
    const std::lock_guard lock(mutex_);
    all_.open--;
    if (--group.open == 0) by_address_.erase(address);
}

}  // namespace caas::http
