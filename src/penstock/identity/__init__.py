"""Users, groups, tenants, memberships, authorizations and filters: what may be changed, and what a change writes.

They are ordinary tables of the store. A change is made from what is stored now (`changes.Change`); the node commits it
together with its entries of the operation log, and makes it again when others have changed something meanwhile.
"""
