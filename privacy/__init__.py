"""The privacy room: who may be shared, under which name, with what proof."""
