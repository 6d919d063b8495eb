"""Results as Markdown, on the terminal and in a file."""

import datetime
import pathlib
import sys

import setting


def markdown(head, rows):
    """A table; all columns but the first are numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def publish(name, title, *parts):
    """Prints a result, keeps it as OUT/NAME.md, and puts it in its place on the page, if one is named by PAGE."""
    when = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    foot = "; ".join([when, *setting.machine()]) + "."
    text = "\n\n".join([f"### {title}", *(part for part in parts if part), foot]) + "\n"
    setting.OUT.mkdir(parents=True, exist_ok=True)
    (setting.OUT / f"{name}.md").write_text(text)
    print(text, flush=True)
    if setting.PAGE:
        place(pathlib.Path(setting.PAGE), name, text)


def place(page, name, text):
    """Replaces what stands between the marks of this name."""
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    before, found, rest = page.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        sys.exit(f"{page} has no marks for {name}")
    page.write_text(before + begin + text + end + after)


def skipped(name, why):
    print(f"SKIPPED {name}: {why}", flush=True)
