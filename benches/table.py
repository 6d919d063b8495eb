"""Results as Markdown, on the terminal and in a file."""

import datetime

import setting


def markdown(head, rows):
    """A table; all columns but the first are numbers."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "--:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def publish(name, title, *parts):
    """Prints a result and keeps it as OUT/NAME.md."""
    when = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    text = "\n\n".join([f"### {title}", *parts, "; ".join([when, *setting.machine()]) + "."]) + "\n"
    setting.OUT.mkdir(parents=True, exist_ok=True)
    (setting.OUT / f"{name}.md").write_text(text)
    print(text, flush=True)


def skipped(name, why):
    print(f"SKIPPED {name}: {why}", flush=True)
