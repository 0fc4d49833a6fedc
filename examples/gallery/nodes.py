# SPDX-License-Identifier: GPL-3.0-or-later
"""Short words for shader nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Nodes:
    """Builds nodes in a tree; where a socket is wanted, a number will do."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree

    def new(self, kind: str, /, *, operation: str | None = None, **inputs: Any) -> Any:
        """A node with these inputs, underscores in their names for spaces."""
        node = self.tree.nodes.new(kind)
        if operation is not None:
            node.operation = operation
        for name, value in inputs.items():
            self.feed(value, node.inputs[name.replace("_", " ")])
        return node

    def link(self, output: Any, socket: Any) -> None:
        """Connect two sockets."""
        self.tree.links.new(output, socket)

    def feed(self, value: Any, socket: Any) -> None:
        """Give an input a value, or what a socket gives."""
        if hasattr(value, "is_output"):
            self.link(value, socket)
        else:
            socket.default_value = value

    def math(self, operation: str, a: Any, b: Any = 0.0) -> Any:
        """A number from two (bpy.types.NodeSocket)."""
        node = self.new("ShaderNodeMath", operation=operation)
        self.feed(a, node.inputs[0])
        self.feed(b, node.inputs[1])
        return node.outputs[0]

    def ranged(self, value: Any, low: float, high: float, start: float = 0.0, end: float = 1.0) -> Any:
        """A number that goes smoothly from ``start`` to ``end`` while a value goes from ``low`` to ``high``."""
        node = self.new("ShaderNodeMapRange")
        node.interpolation_type = "SMOOTHSTEP"
        for socket, number in zip(node.inputs, (value, low, high, start, end), strict=False):
            self.feed(number, socket)
        return node.outputs[0]

    def layer(self, name: str) -> Any:
        """The coordinates of a UV map (bpy.types.NodeSocket)."""
        node = self.new("ShaderNodeUVMap")
        node.uv_map = name
        return node.outputs["UV"]

    def gradient(self, place: Any, colours: Sequence[Sequence[float]]) -> Any:
        """Colours evenly along 0 to 1, read at a place."""
        node = self.new("ShaderNodeValToRGB", Fac=place)
        stops = node.color_ramp.elements
        stops.remove(stops[-1])
        while len(stops) < len(colours):
            stops.new(1.0)
        for i, colour in enumerate(colours):
            stops[i].position, stops[i].color = i / max(len(colours) - 1, 1), (*colour, 1)
        return node.outputs["Color"]
