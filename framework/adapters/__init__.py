"""The only modules that touch the insides of other libraries, one for each.

A name here is no part of its library's promise. What is relied upon it for says its test in
`tests/unit/adapters`, so that an upgrade which breaks it fails there.
"""
