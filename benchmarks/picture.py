"""The picture of the figures: gas per delivered message against batch size, as an SVG that a diff can read."""

import math
from collections.abc import Iterator, Mapping
from html import escape
from itertools import count
from pathlib import Path

from metalayer.errors import MetalayerError

_WIDTH, _HEIGHT = 800, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 76, 560, 64, 336
_INSET = 84
_MOST_TICKS = 6
_LABEL_GAP = 18
_OURS = "Metalayer"
_PEERS = ("peer", "peer other")

# Drawn on a ground of its own: readable on any page, whichever mode the page thinks its reader is in.
_STYLE = """\
  <style>
    text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: currentColor; }
    text { stroke: #ffffff; stroke-width: 4px; stroke-linejoin: round; paint-order: stroke; }
    path { fill: none; stroke: currentColor; }
    .title { font-size: 16px; font-weight: 600; }
    .ours, .peer { stroke-width: 2.5px; }
    .ours text { font-weight: 600; }
    .other path { stroke-dasharray: 7 4; }
    .ground { fill: #ffffff; }
    .title { color: #1f2328; }
    .axes { color: #59636e; }
    .axes path { color: #d1d9e0; }
    .ours { color: #0969da; }
    .peer { color: #8250df; }
    .other { color: #bc4c00; }
    @media (prefers-color-scheme: dark) {
      text { stroke: #0d1117; }
      .ground { fill: #0d1117; }
      .title { color: #f0f6fc; }
      .axes { color: #9198a1; }
      .axes path { color: #3d444d; }
      .ours { color: #58a6ff; }
      .peer { color: #be8fff; }
      .other { color: #f0883e; }
    }
  </style>"""


def draw(ours: Mapping[int, int], peers: Mapping[str, int], path: Path) -> None:
    """Write the picture to `path`: equal figures give equal bytes.

    ours: gas per message by batch size, two sizes at least. peers: gas per message by name, the same at every size, one
    or two. MetalayerError for anything else.
    """
    if len(ours) < 2 or min(ours) < 1 or not 1 <= len(peers) <= len(_PEERS):
        raise MetalayerError(
            f"cannot draw {len(ours)} batch sizes and {len(peers)} peers: expected two sizes or more, from 1 up, and "
            f"1 to {len(_PEERS)} peers"
        )
    highest = max(*ours.values(), *peers.values())
    step = _step(highest)
    top = step * math.ceil(highest / step)
    sizes = sorted(ours)
    x = {size: _x(size, sizes[0], sizes[-1]) for size in sizes}
    labels = _label_heights({name: _y(gas, top) for name, gas in [*peers.items(), (_OURS, ours[sizes[-1]])]})
    groups = [_axes(x, range(0, top + 1, step))]
    for kind, (name, gas) in zip(_PEERS, peers.items(), strict=False):
        line = f'<path d="M{x[sizes[0]]:.1f} {_y(gas, top):.1f}H{x[sizes[-1]]:.1f}"/>'
        groups.append(_group(kind, [line, _text(x[sizes[-1]] + 12, labels[name], f"{name}: {gas:,}")]))
    points = {size: (x[size], _y(ours[size], top)) for size in sizes}
    drawn = ['<path d="M' + "L".join(f"{across:.1f} {down:.1f}" for across, down in points.values()) + '"/>']
    for size, (across, down) in points.items():
        drawn.append(f'<circle cx="{across:.1f}" cy="{down:.1f}" r="4" fill="currentColor"/>')
        # Beside the curve, which comes from above on the left; the last figure is in the curve's own label.
        if size == sizes[0]:
            drawn.append(_text(across - 9, down + 18, f"{ours[size]:,}", "end"))
        elif size != sizes[-1]:
            drawn.append(_text(across + 6, down - 10, f"{ours[size]:,}"))
    drawn.append(_text(x[sizes[-1]] + 12, labels[_OURS], f"{_OURS}: {ours[sizes[-1]]:,}"))
    groups.append(_group("ours", drawn))
    path.write_text("\n".join([*_head(), *groups, "</svg>"]) + "\n", encoding="utf-8")


def _head() -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-labelledby="title">',
        _STYLE,
        f'  <rect class="ground" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>',
        '  <text id="title" class="title" x="24" y="34">Gas per delivered message</text>',
    ]


def _axes(sizes: Mapping[int, float], ticks: range) -> str:
    drawn = []
    for gas in ticks:
        down = _y(gas, ticks[-1])
        drawn.append(f'<path d="M{_LEFT} {down:.1f}H{_RIGHT}"/>')
        drawn.append(_text(_LEFT - 8, down + 4, f"{gas:,}", "end"))
    drawn += [_text(across, _BOTTOM + 22, f"{size:,}", "middle") for size, across in sizes.items()]
    middle = (min(sizes.values()) + max(sizes.values())) / 2
    drawn.append(_text(middle, _BOTTOM + 46, "messages in one delivery", "middle"))
    return _group("axes", drawn)


def _label_heights(lines: Mapping[str, float]) -> dict[str, float]:
    """Where the label of each line goes: at its height, or below the label above if they would overlap."""
    placed: dict[str, float] = {}
    previous = -math.inf
    for name in sorted(lines, key=lambda name: lines[name]):
        previous = placed[name] = max(lines[name] + 4, previous + _LABEL_GAP)
    return placed


def _group(kind: str, drawn: list[str]) -> str:
    return "\n".join([f'  <g class="{kind}">', *(f"    {one}" for one in drawn), "  </g>"])


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _x(size: int, smallest: int, largest: int) -> float:
    share = math.log(size / smallest) / math.log(largest / smallest)
    return _LEFT + _INSET + share * (_RIGHT - _LEFT - _INSET)


def _y(gas: float, top: int) -> float:
    return _BOTTOM - gas / top * (_BOTTOM - _TOP)


def _step(highest: int) -> int:
    """The smallest of 1, 2, 5, 10, 20 ... that needs no more than the most ticks."""
    steps: Iterator[int] = (factor * 10**power for power in count() for factor in (1, 2, 5))
    return next(step for step in steps if highest <= step * _MOST_TICKS)
