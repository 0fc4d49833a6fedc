# SPDX-License-Identifier: GPL-3.0-or-later
"""Node trees written like formulas."""

from __future__ import annotations

from typing import Any

STEP = 180.0  # from node to node, in the units of the node editor
COLUMN = 6


class Nodes:
    """Adds nodes to a tree and links them; an argument is an output socket or a number."""

    def __init__(self, tree: Any) -> None:
        self.tree = tree

    def add(self, kind: str, **settings: Any) -> Any:
        """A new node with some of its properties set, laid out in the order of making."""
        count = len(self.tree.nodes)
        node = self.tree.nodes.new(kind)
        node.location = (STEP * (count // COLUMN), -STEP * (count % COLUMN))
        for name, value in settings.items():
            setattr(node, name, value)
        return node

    def link(self, source: Any, target: Any) -> None:
        """Lead an output into an input, or give that a number."""
        if isinstance(source, int | float):
            target.default_value = source
        else:
            self.tree.links.new(source, target)

    def math(self, operation: str, *arguments: Any, clamp: bool = False) -> Any:
        """The output of a math node of a shader tree."""
        node = self.add("ShaderNodeMath", operation=operation, use_clamp=clamp)
        for argument, target in zip(arguments, node.inputs, strict=False):
            self.link(argument, target)
        return node.outputs[0]

    def separate(self, vector: Any) -> tuple[Any, Any, Any]:
        """A vector's x, y and z."""
        node = self.add("ShaderNodeSeparateXYZ")
        self.link(vector, node.inputs[0])
        x, y, z = node.outputs
        return x, y, z

    def combine(self, *parts: Any) -> Any:
        """A vector of x, y and z."""
        node = self.add("ShaderNodeCombineXYZ")
        for part, target in zip(parts, node.inputs, strict=True):
            self.link(part, target)
        return node.outputs[0]
