"""What all adapters do alike: an adapter adds what its broker demands. `docs/design/bus.md` says how one is written."""
