"""A server on loopback that answers as a test says."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """Answers with what `reply(path, body, attempt)` gives: (status, headers, content)."""

    def __init__(self, reply):
        self.bodies, self.paths, self.keys, self.headers = [], [], [], []
        self.open, self.most = 0, 0
        lock, server = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with lock:
                    server.open += 1
                    server.most = max(server.most, server.open)
                    server.bodies.append(body)
                    server.paths.append(self.path)
                    server.keys.append(self.headers["authorization"])
                    server.headers.append(dict(self.headers))
                    attempt = len(server.bodies)
                status, headers, content = reply(self.path, body, attempt)
                with lock:
                    server.open -= 1
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()
