"""Speaking turns: who holds one, who comes next, and how long it lasts. Pure, and without knowing what a room is.

`rules` decides, `transitions` says what each event does, `state` is what there is.
"""
