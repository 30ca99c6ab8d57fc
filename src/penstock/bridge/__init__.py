"""Between buses and the engine: messages that start or continue instances, tasks and events that leave over a bus.

Configured in `penstock.toml` alone (`bridge.config`); nothing of it is needed by a server without these sections.

- bus → engine: `intake` receives, `rules` reads and maps, `arrival` starts or correlates, `early` keeps what came too soon.
- engine → bus: `requests` writes outbox rows into the unit's own commit, `outbox` publishes them, `replies` takes the
  answers, `attempts` sees to tasks without one. `slots` shares the outbox among nodes.
- `bridges` puts it together and follows the file; `runtime.letters` lists and replays dead letters.
"""
