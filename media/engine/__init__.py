"""The packet engine in Python, without sockets and clocks: `interface` is the contract, `core` the engine."""
