"""What a record asks of a GraphQL vendor: its fields as a selection set, and no others."""

from passerelle.connectors.contract.records import Shape

Tree = dict[str, "Tree"]


def selection(shape: Shape) -> str:
    """`id defaultEmailAddress { emailAddress marketingState }`, each field once, in the record's order.

    Raises `TypeError` for a field within a list, which has no name to ask for.
    """
    tree: Tree = {}
    for one in shape.fields:
        place = tree
        for part in one.path or (one.asked,):
            if not isinstance(part, str):
                raise TypeError(f"{one.name} stands within a list")
            place = place.setdefault(part, {})
    return _written(tree)


def _written(tree: Tree) -> str:
    return " ".join(f"{name} {{ {_written(inner)} }}" if inner else name for name, inner in tree.items())
