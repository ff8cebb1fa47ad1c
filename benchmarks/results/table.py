"""Join the rows that the scripts wrote into one Markdown table: python table.py FOLDER."""

import json
import sys
from pathlib import Path

from common import clock

ORDER = ("tiny", "war", "us names", "nottingham", "japanese", "names by", "ud", "italy", "basic",
         "plaid", "etth1", "monthly", "adding", "copying")  # fmt: skip
HEAD = ("task", "measure", "reach", "ours", "reached", "floor", "published", "training", "in all",
        "command")  # fmt: skip


def place(row):
    name = row["name"]
    return next((k for k, start in enumerate(ORDER) if name.lower().startswith(start)), 99), name


def table(rows):
    lines = [HEAD, ["---"] * len(HEAD)]
    for row in sorted(rows, key=place):
        lines.append(
            (
                row["name"], row["measure"], row["reach"], f"**{row['figure']}**",
                "yes" if row["reached"] else "**no**", row["floor"], row["published"],
                clock(row["train_seconds"]), clock(row["wall_seconds"]), f"`{row['command']}`",
            )
        )  # fmt: skip
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    files = sorted(Path(sys.argv[1]).glob("*.json"))
    print(table([json.loads(path.read_text()) for path in files]))
