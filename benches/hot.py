"""Where a program's instructions are: adds up by function what libinstructions.so tells with blocks=on.

    qemu-aarch64 -plugin ./libinstructions.so,blocks=on -d plugin PROGRAM… 2>&1 |
        python3 benches/hot.py PROGRAM [MOST]
"""

import bisect
import collections
import subprocess
import sys

program, most = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 25
listing = subprocess.run(["nm", "-C", "-n", program], capture_output=True, text=True, check=True).stdout
symbols = []
for line in listing.splitlines():
    address, kind, name = line.rstrip().split(" ", 2) if line[0] != " " else ("0", "U", "")
    if kind in "tTwW":
        symbols.append((int(address, 16), name))
starts = [address for address, _ in symbols]
counts = collections.Counter()
for line in sys.stdin.buffer:
    if line.startswith(b"block "):
        _, address, count = line.split()
        at = bisect.bisect_right(starts, int(address, 16)) - 1
        counts[symbols[at][1] if at >= 0 else "?"] += int(count)
total = sum(counts.values())
print(f"{total:14} instructions")
for name, count in counts.most_common(most):
    print(f"{count:14} {100 * count / total:5.1f} %  {name[:160]}")
