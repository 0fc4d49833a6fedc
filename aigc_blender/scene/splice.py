# SPDX-License-Identifier: GPL-3.0-or-later
"""A node between what a node tree puts out and what led there, and the tree as it was before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .made import MADE


def insert(node: Any, target: Any, passes: str, gives: str, otherwise: Callable[[], Any] | None = None) -> None:
    """Lead what is linked to a socket through a node.

    Args:
        node: The new node (bpy.types.Node).
        target: The input that it is to serve from now on (bpy.types.NodeSocket).
        passes: Name of the node's input for what was linked to the target.
        gives: Name of the node's output.
        otherwise: Makes the output that comes in where nothing was linked.
    """
    links = node.id_data.links
    behind = target.links[0].from_socket if target.links else otherwise() if otherwise else None
    if behind is not None:
        links.new(behind, node.inputs[passes])
    links.new(node.outputs[gives], target)


def extract(node: Any, passes: str, gives: str) -> None:
    """Take a node out again, with the marked nodes that nothing else needs, and join what it parted."""
    tree = node.id_data
    behind = next((link.from_socket for link in node.inputs[passes].links), None)
    targets = [link.to_socket for link in node.outputs[gives].links]
    tree.nodes.remove(node)
    for target in targets if behind is not None else ():
        tree.links.new(behind, target)
    if behind is not None and behind.node.get(MADE) and not _serves(behind.node):
        tree.nodes.remove(behind.node)
    for made in {target.node for target in targets if target.node.get(MADE)}:
        if not any(socket.is_linked for socket in made.inputs):
            tree.nodes.remove(made)


def _serves(node: Any) -> bool:
    """Whether a node leads into others than those that put out what their tree gives, which have no outputs."""
    return any(link.to_node.outputs for output in node.outputs for link in output.links)


def is_bare(tree: Any) -> bool:
    """Whether a tree has only marked nodes, and those that put out what it gives."""
    return not any(node.outputs and not node.get(MADE) for node in tree.nodes)


def hand_on(node: Any, flag: str) -> bool:
    """Whether what a flag of a node says is to be undone with it: not where another that can have the flag takes it over."""
    heir = next((n for n in node.id_data.nodes if flag in n and n != node), None)
    if node.get(flag) and heir is not None:
        heir[flag] = True
    return bool(node.get(flag)) and heir is None


def mark(node: Any) -> Any:
    """Note on a node that it goes with the one it was made for; returns it."""
    node[MADE] = True
    return node


def node_of(tree: Any, group: Any) -> Any | None:
    """The node of a tree that is an instance of a node group, or None."""
    return next((n for n in tree.nodes if getattr(n, "node_tree", None) == group), None)
