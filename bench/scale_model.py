#!/usr/bin/env python3
"""Computes the tables of docs/scale.md: bench/scale_model.py [--write | --check]

Without an option the tables are printed. --write puts them into docs/scale.md, --check ends with 1 when others stand there. What is measured
is read from the newest tables in bench/history, by kind and name of the line; what is assumed stands in ASSUMED. Nothing else goes in, and the
simulations draw from a generator with a fixed start, so that everyone computes the same.
"""
import math
import random
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "scale.md"


def newest(kind):
    """The file of the newest version that has figures of this kind."""
    found = (ROOT / "bench" / "history").glob(f"*-{kind}.md")
    return max(found, key=lambda path: [int(part) for part in path.name.split("-")[0].split(".")]).name


SIZES, SQL, TABLES = newest("sizes"), newest("sql"), newest("tables")

ASSUMED = {
    "users": 10**9,
    "nodes": 100,
    "connections": 500,  # of a node
    "requests": 10_000,  # verifies a second, over all nodes
    "copies": 10,  # at a time
    "copy_seconds": 2.0,  # median of copy and reload, log-normal
    "copy_spread": 0.8,  # its sigma
    "copy_fails": 0.01,  # of the attempts
    "retry_seconds": 60.0,
    "sealed_by_user": 1000,  # sealed values of a user, over all time
    "link": 10**9 / 8,  # bytes a second to a standby
    # Share of the users, mean days between logins: how many come back, and how often.
    "logins": ((0.20, 1), (0.30, 7), (0.30, 30), (0.15, 365), (0.05, None)),
}


def measured(file, what):
    """The figure of a line of a table in bench/history, without its unit."""
    text = (ROOT / "bench" / "history" / file).read_text()
    found = re.search(rf"^\| {re.escape(what)} \| (-?[0-9.]+)", text, re.M)
    if not found:
        raise SystemExit(f"bench/history/{file} has no line: {what}")
    return float(found.group(1))


# ---- printing ----


def table(*rows):
    """The first row is the head."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def count(number):
    return f"{number:,.0f}"


def duration(seconds):
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 10 else f"{seconds:.1f} s"


def bytes_text(number):
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.0f} bytes"


def chance(value):
    """A chance as a power of two, or in per cent when it is one to reckon with."""
    return f"{100 * value:.2g} %" if value >= 1e-4 else f"2^{math.log2(value):.0f}"


# ---- the chances ----


def collision(values, bits):
    """The chance that two of so many random values of so many bits are equal: 1 - exp(-n(n-1)/2^(bits+1))."""
    return -math.expm1(-values * (values - 1) / 2 ** (bits + 1))


def farthest(parts, users):
    """The distance from the equal share, in parts of it, that the farthest of so many parts has in the median, by the normal law."""
    low, high = 0.0, 10.0
    for _ in range(100):
        middle = (low + high) / 2
        if math.erf(middle / math.sqrt(2)) ** parts < 0.5:
            low = middle
        else:
            high = middle
    return low * math.sqrt((parts - 1) / users)


# ---- the spread of a file ----


def spread_once(draw):
    """When each node has read the file, when so many copies run at a time and one that failed is tried again later."""
    queue = [(0.0, node) for node in range(ASSUMED["nodes"])]
    free = [0.0] * ASSUMED["copies"]
    done = []
    while queue:
        queue.sort()
        ready, node = queue.pop(0)
        free.sort()
        end = max(free[0], ready) + draw.lognormvariate(math.log(ASSUMED["copy_seconds"]), ASSUMED["copy_spread"])
        free[0] = end
        if draw.random() < ASSUMED["copy_fails"]:
            queue.append((end + ASSUMED["retry_seconds"], node))
        else:
            done.append(end)
    return sorted(done)


def mixed_seconds(done):
    """The integral of f(1-f), f being the share of the nodes that have the file: the chance that maker and checker differ so that it fails."""
    nodes = len(done)
    return sum((done[i + 1] - done[i]) * (i + 1) / nodes * (1 - (i + 1) / nodes) for i in range(nodes - 1))


def spread(runs=2000):
    draw = random.Random(1)
    results = sorted((done[-1], done[len(done) // 2], mixed_seconds(done)) for done in (spread_once(draw) for _ in range(runs)))
    ends = [end for end, _, _ in results]
    return {
        "half": sorted(half for _, half, _ in results)[runs // 2],
        "median": ends[runs // 2],
        "late": ends[runs * 99 // 100],
        "mixed": sorted(mixed for _, _, mixed in results)[runs // 2],
    }


def not_renewed(days):
    """The share of the users who have not logged in for so long, by classes whose logins come at random."""
    return sum(share * (1 if mean is None else math.exp(-days / mean)) for share, mean in ASSUMED["logins"])


# ---- the tables ----


def table_distribution():
    result = spread()
    false = result["mixed"] * ASSUMED["requests"]
    return table(
        ("A file to 100 nodes, simulated", "Figure"),
        ("half of the nodes have read it after", duration(result["half"])),
        ("all have read it after, median", duration(result["median"])),
        ("all have read it after, 99 of 100 runs", duration(result["late"])),
        ("false verifies when it was activated at once, without staging", count(round(false, -2))),
        ("false verifies when it was staged first", "0"),
    )


def table_rotation():
    rate = measured(TABLES, "caas_rotate, rows a second")
    two = measured(TABLES, "speed of two sessions with parts => 2 against one")
    wal = measured(SIZES, "WAL of caas_rotate, a row")
    users, nodes, link = ASSUMED["users"], ASSUMED["nodes"], ASSUMED["link"]
    return table(
        ("Renewing 10^9 sealed values", "Figure"),
        ("one server, one session", duration(users / rate)),
        ("one server, two sessions", duration(users / rate / two)),
        ("100 nodes, a session each", duration(users / nodes / rate)),
        ("100 nodes, two sessions each", duration(users / nodes / rate / two)),
        ("100 nodes, a session each, with pause_ms as long as batch_ms", duration(2 * users / nodes / rate)),
        ("WAL, all together", bytes_text(users * wal)),
        ("WAL of a node", bytes_text(users * wal / nodes)),
        ("WAL a second of a node, while a session rotates", bytes_text(rate * wal)),
        ("share of a link of 1 Gbit/s to a standby", f"{100 * rate * wal / link:.0f} %"),
        ("sessions of one server that fill that link", f"{link / rate / wal:.1f}"),
    )


def table_logins():
    wal = measured(SIZES, "WAL of a login that renews a digest, of a page not written since the checkpoint")
    users = ASSUMED["users"]
    rows = [("Digests not renewed after", "Share", "Users", "WAL until then")]
    for days, name in ((1, "a day"), (7, "a week"), (30, "30 days"), (90, "90 days"), (365, "a year"), (1825, "5 years")):
        left = not_renewed(days)
        rows.append((name, f"{100 * left:.1f} %", count(round(users * left, -5)), bytes_text(users * (1 - left) * wal)))
    return table(*rows)


def table_verify():
    active, oldest = measured(SQL, "core verify active"), measured(SQL, "core verify oldest")
    a_try = (oldest - active) / 2  # that keyring has three generations
    rows = [("Generations in the keyring", "A value that does not verify, or of the oldest", "Verifies a second of a processor")]
    for generations in (1, 2, 4, 10, 100, 1024):
        cost = active + (generations - 1) * a_try
        rows.append((str(generations), f"{cost / 1000:.1f} us", count(round(1e9 / cost, -2 if cost < 1e5 else 0))))
    return table(*rows)


def table_storage():
    users, nodes = ASSUMED["users"], ASSUMED["nodes"]
    rows = [("Of 10^9 rows", "Bytes a row", "All", "A node of 100")]
    for name, what in (
        ("table of id and plaintext, for comparison", "table of id and plaintext, a row"),
        ("unique index on the plaintext, for comparison", "unique index on the plaintext, a row"),
        ("table of id, sealed value and blind index", "table of id, sealed value and blind index, a row"),
        ("the same after caas_rotate", "table of sealed values after caas_rotate, a row"),
        ("unique index on the blind index", "unique index on the blind index, a row"),
        ("table of id, digest and generation", "table of id, digest and generation, a row"),
        ("primary key, a uuid", "primary key, a row"),
    ):
        size = measured(SIZES, what)
        rows.append((name, f"{size:.0f}", bytes_text(users * size), bytes_text(users * size / nodes)))
    return table(*rows)


def table_chances():
    users, own = ASSUMED["users"], ASSUMED["sealed_by_user"]
    per_user = collision(own, 128)
    blocks = 14 * users  # CMAC of two blocks, seven times, for a digest
    return table(
        ("Chance", "How reckoned", "Figure"),
        ("two sealed values of one user with one nonce, 1000 values of a user, any of 10^9 users", "10^9 x n^2 / 2^129", chance(users * per_user)),
        ("for comparison: if one key for all users sealed 10^12 values with 96-bit nonces", "n^2 / 2^97", chance(collision(users * own, 96))),
        ("for comparison: 96-bit nonces under each user's own key", "10^9 x n^2 / 2^97", chance(users * collision(own, 96))),
        ("two of 10^12 values that a rotation seals again with one nonce, different values", "n^2 / 2^129", chance(collision(users * own, 128))),
        ("two of 10^9 random UUIDs are equal, or two ids of caas_uuid", "n^2 / 2^123", chance(collision(users, 122))),
        ("two of 10^9 values with one blind index of 16 bytes", "n^2 / 2^129", chance(collision(users, 128))),
        ("the same with 8 bytes: why UNIQUE wants 16", "n^2 / 2^65", chance(collision(users, 64))),
        ("someone tells the keys of 10^9 users from random ones, AES being good", "5 x (14 x users)^2 / 2^128", chance(5 * blocks**2 / 2**128)),
        ("the same at the limit of the format, 2^40 users", "", chance(5 * (14 * 2**40) ** 2 / 2**128)),
    )


def table_index():
    users = ASSUMED["users"]
    rows = [("Length of the blind index", "Other values that a search finds besides, of 10^9")]
    for length in (4, 5, 6, 8):
        rows.append((f"{length} bytes", f"{users / 2 ** (8 * length):.2g}"))
    return table(*rows)


def table_evenness():
    users = ASSUMED["users"]
    rows = [("10^7 random UUIDs over", "Chi-square a degree of freedom", "Farthest from the equal share", "By the law", "By the law, 10^9")]
    for parts, name in ((8, "8 algorithms"), (32, "32 profiles"), (100, "100 nodes"), (3200, "3200 shards")):
        rows.append(
            (
                name,
                f"{measured(SIZES, f'chi-square of {name}, random UUIDs a degree of freedom'):.2f}",
                f"{measured(SIZES, f'users of one of {name}, random UUIDs, farthest from the equal share'):.2f} %",
                f"{100 * farthest(parts, 10**7):.2f} %",
                f"{100 * farthest(parts, users):.3f} %",
            )
        )
    return table(*rows)


def table_memory():
    private = measured(SQL, "private memory of a backend that uses caas, above one that does not")
    connections, nodes = ASSUMED["connections"], ASSUMED["nodes"]
    rows = [("Generations", "Keyring file", "Locked memory of a backend", "First call of a session or after a reload")]
    for generations in (1, 4, 1024):
        rows.append(
            (
                str(generations),
                bytes_text(measured(SIZES, f"keyring file of {generations} generations")),
                f"{measured(SIZES, f'locked memory of a backend, {generations} generations'):.0f} kB",
                f"{measured(SIZES, f'first call that reads {generations} generations'):.2f} ms",
            )
        )
    first = measured(SIZES, "first call that reads 4 generations")
    more = table(
        ("500 connections a node", "Figure"),
        ("private memory of caas, a node", f"{private * connections:.0f} MB"),
        ("private memory of caas, 100 nodes", f"{private * connections * nodes / 1000:.1f} GB"),
        ("processor time after a reload, a node, until every session has made its call", duration(connections * first / 1000)),
    )
    return table(*rows) + "\n\n" + more


TABLES_OF_DOCUMENT = {
    "distribution": table_distribution,
    "rotation": table_rotation,
    "logins": table_logins,
    "verify": table_verify,
    "storage": table_storage,
    "chances": table_chances,
    "index": table_index,
    "evenness": table_evenness,
    "memory": table_memory,
}


def main(arguments):
    tables = {name: make() for name, make in TABLES_OF_DOCUMENT.items()}
    if not arguments:
        for name, text in tables.items():
            print(f"{name}:\n{text}\n")
        return 0
    if arguments not in (["--write"], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    text = DOCUMENT.read_text()
    wrong = []
    for name, made in tables.items():
        pattern = re.compile(rf"(<!-- model: {name} -->\n\n)(?:(?!<!--).)*?(\n\n<!-- end -->)", re.S)
        if len(pattern.findall(text)) != 1:
            raise SystemExit(f"docs/scale.md has no place for the table {name}")
        new = pattern.sub(lambda found: found.group(1) + made + found.group(2), text)
        if new != text:
            wrong.append(name)
        text = new
    if arguments == ["--write"]:
        DOCUMENT.write_text(text)
        return 0
    for name in wrong:
        print(f"docs/scale.md: the table {name} is not what bench/scale_model.py computes", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
