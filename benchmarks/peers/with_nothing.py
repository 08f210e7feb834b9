"""An empty function: what everybody's costs at least."""


def handler(event: object, context: object) -> None:
    return None
