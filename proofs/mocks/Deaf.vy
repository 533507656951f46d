# pragma version 0.4.3
"""
@title A Risk whose feeds are gone: it answers nothing
@license MIT
"""
