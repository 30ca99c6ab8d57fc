"""A lean HTTP/1.1 client: keep-alive connections, JSON, TLS; no redirects, cookies or proxies."""
