"""Who may do what. Pure: no I/O, no clock, no randomness. (Speaking turns and flags will live here, too.)"""
