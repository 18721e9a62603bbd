#!/usr/bin/env python3
"""Draws docs/segment.svg: two processes that map one segment, and what is in it.

    docs/segment.py > docs/segment.svg

The Python standard library is all it takes, and the same source gives the same bytes. Colours follow the reader's light or dark
mode; the picture has a ground of its own, for pages that do not.
"""

from xml.sax.saxutils import escape

WIDTH, HEIGHT = 860, 560

STYLE = """
    .ground { fill: #ffffff; stroke: #d0d7de; }
    text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 14px; fill: #1f2328; }
    .mono { font-family: ui-monospace, SFMono-Regular, "DejaVu Sans Mono", Menlo, monospace; font-size: 13px; }
    .small { font-size: 12px; }
    .bold { font-weight: 600; }
    .soft { fill: #59636e; }
    .end { text-anchor: end; }
    .middle { text-anchor: middle; }
    .box { fill: #f6f8fa; stroke: #8c959f; }
    .struct { fill: #ddf4ff; stroke: #0969da; }
    .schema { fill: #fff8c5; stroke: #9a6700; }
    .footer { fill: #fbefff; stroke: #8250df; }
    .now { fill: #8250df; }
    text.now { fill: #ffffff; }
    .line { fill: none; stroke: #59636e; stroke-width: 1.5; }
    .dashed { stroke-dasharray: 4 4; }
    .head { fill: #59636e; }
    @media (prefers-color-scheme: dark) {
      .ground { fill: #0d1117; stroke: #3d444d; }
      text { fill: #f0f6fc; }
      .soft { fill: #9198a1; }
      .box { fill: #151b23; stroke: #656c76; }
      .struct { fill: #0c2d4d; stroke: #4493f8; }
      .schema { fill: #332a0c; stroke: #d29922; }
      .footer { fill: #271a40; stroke: #ab7df8; }
      .now { fill: #ab7df8; }
      text.now { fill: #0d1117; }
      .line { stroke: #9198a1; }
      .head { fill: #9198a1; }
    }
"""

out = []


def put(element):
    out.append("  " + element)


def rect(x, y, width, height, kind, radius=6):
    put(f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="{radius}"/>')


def text(x, y, content, kind=""):
    kind = f' class="{kind}"' if kind else ""
    put(f'<text{kind} x="{x}" y="{y}" xml:space="preserve">{escape(content)}</text>')


def path(points, kind="line", arrows="end"):
    ends = {"end": ' marker-end="url(#arrow)"', "both": ' marker-start="url(#arrow)" marker-end="url(#arrow)"', "": ""}
    put(f'<path class="{kind}" d="{points}"{ends[arrows]}/>')


def process(x, y, title, calls):
    """A process: its name, and what it calls."""
    width = 224
    rect(x, y, width, 34 + 22 * len(calls) + 8, "box")
    text(x + 14, y + 23, title, "bold")
    for i, call in enumerate(calls):
        text(x + 14, y + 48 + 22 * i, call, "mono")


SEGMENT_X, SEGMENT_WIDTH = 290, 280
SEGMENT_END = SEGMENT_X + SEGMENT_WIDTH
STRUCT_Y, STRUCT_HEIGHT = 98, 132
SCHEMA_Y, SCHEMA_HEIGHT = STRUCT_Y + STRUCT_HEIGHT, 112
FOOTER_Y, FOOTER_HEIGHT = SCHEMA_Y + SCHEMA_HEIGHT, 72


def segment():
    # The key.
    rect(SEGMENT_X, 22, SEGMENT_WIDTH, 44, "box")
    text(SEGMENT_X + 14, 41, "key 0xaf6985af", "mono bold")
    text(SEGMENT_X + 14, 58, 'name = "org.example.weather"', "mono small soft")
    middle = SEGMENT_X + SEGMENT_WIDTH // 2
    path(f"M {middle} 66 V {STRUCT_Y - 3}")

    # What is in the segment.
    rect(SEGMENT_X, STRUCT_Y, SEGMENT_WIDTH, STRUCT_HEIGHT, "struct", 0)
    text(SEGMENT_X + 14, STRUCT_Y + 22, "the struct", "bold")
    rows = [("0", "readings", "AtomicU64"), ("8", "celsius", "f64"), ("16", "wind", "Wind"), ("32", "name", "[u8; 32]")]
    for i, (offset, name, kind) in enumerate(rows):
        y = STRUCT_Y + 46 + 22 * i
        text(SEGMENT_X + 32, y, offset, "mono soft end")
        text(SEGMENT_X + 46, y, name, "mono")
        text(SEGMENT_X + 132, y, kind, "mono")

    rect(SEGMENT_X, SCHEMA_Y, SEGMENT_WIDTH, SCHEMA_HEIGHT, "schema", 0)
    text(SEGMENT_X + 14, SCHEMA_Y + 22, "the text of its layout", "bold")
    for i, line in enumerate(["struct Station size 64 align 8", "  readings @0 atomic u64", "  celsius @8 f64", "  ..."]):
        text(SEGMENT_X + 14, SCHEMA_Y + 44 + 18 * i, line, "mono small")

    rect(SEGMENT_X, FOOTER_Y, SEGMENT_WIDTH, FOOTER_HEIGHT, "footer", 0)
    text(SEGMENT_X + 14, FOOTER_Y + 22, "the footer", "bold")
    text(SEGMENT_X + 14, FOOTER_Y + 43, "state, fingerprint of the layout,", "small")
    text(SEGMENT_X + 14, FOOTER_Y + 60, "which process created it, and when", "small")


def brackets():
    """What each side sees of it."""
    left, right = SEGMENT_X - 14, SEGMENT_END + 14
    path(f"M {left + 8} {STRUCT_Y + 2} H {left} V {STRUCT_Y + STRUCT_HEIGHT - 2} H {left + 8}", arrows="")
    path(f"M {right - 8} {SCHEMA_Y + 2} H {right} V {FOOTER_Y + FOOTER_HEIGHT - 2} H {right - 8}", arrows="")
    middle = (SCHEMA_Y + FOOTER_Y + FOOTER_HEIGHT) // 2
    text(616, middle - 23, "The seal.", "small bold")
    for i, line in enumerate(["Checked when a process", "attaches: is it ready, and of", "the layout that is expected?"]):
        text(616, middle - 5 + 18 * i, line, "small soft")


def states():
    """From new to ready."""
    top = FOOTER_Y + FOOTER_HEIGHT + 34
    rect(20, top, WIDTH - 40, 98, "box")
    text(34, top + 23, "its state", "bold")
    path(f"M {WIDTH // 2} {FOOTER_Y + FOOTER_HEIGHT} V {top - 3}", "line dashed")
    width, gap = 130, 104
    start = (WIDTH - 3 * width - 2 * gap) // 2
    for i, (name, below) in enumerate(
        [("new", "all zeros"), ("initialising", "others wait"), ("ready", "others are let in")]
    ):
        x = start + i * (width + gap)
        now = " now" if name == "ready" else ""
        rect(x, top + 32, width, 32, "footer" + now, 16)
        text(x + width // 2, top + 53, name, "bold middle" + now)
        text(x + width // 2, top + 83, below, "small soft middle")
        if i:
            path(f"M {x - gap + 4} {top + 48} H {x - 4}")
    text(start + width + gap // 2, top + 38, "sealed", "small soft middle")
    text(start + 2 * width + gap + gap // 2, top + 38, "filled in", "small soft middle")


rect(0.5, 0.5, WIDTH - 1, HEIGHT - 1, "ground", 8)
process(20, 70, "one process", ["Station::create()?", "    .attach()?", "celsius.set(21.5)"])
process(616, 70, "another process", ["Station::open()?", "    .attach_read_only()?", "celsius.get()"])
process(20, 208, "a C program", ["shmget(key, sizeof", "    (struct station), 0)", "p->celsius"])
path(f"M 248 {STRUCT_Y + 56} H {SEGMENT_X - 18}", arrows="both")
path(f"M {SEGMENT_END + 4} {STRUCT_Y + 56} H 612")
path(f"M 248 {STRUCT_Y + STRUCT_HEIGHT - 12} H {SEGMENT_X - 18}", arrows="both")
text(34, 348, "The struct, from byte 0 on, is", "small soft")
text(34, 366, "all that it knows of.", "small soft")
segment()
brackets()
states()

print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">')
print("  <title>Two processes map one segment</title>")
print(f"  <style>{STYLE}  </style>")
print(
    '  <defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
    'orient="auto-start-reverse"><path class="head" d="M 0 0 L 8 4 L 0 8 z"/></marker></defs>'
)
print("\n".join(out))
print("</svg>")
