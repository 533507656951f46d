# pragma version 0.4.3
"""
@title A token of eighteen decimals
@license MIT
"""

decimals: public(constant(uint8)) = 18
