# SPDX-License-Identifier: Apache-2.0
"""The vocabulary of the benchmark's payloads: names as the semantic
conventions of OpenTelemetry have them, values as a small web shop on
Kubernetes would send them."""

SERVICES = (
    "storefront", "checkout", "payment", "inventory", "catalog", "search",
    "recommendation", "cart", "shipping", "quote", "email", "accounting",
    "fraud-detection", "ad-server", "currency", "user-profile", "session-store",
    "image-provider", "notification", "reporting",
)
LANGUAGES = (("java", "1.54.0"), ("python", "1.38.0"), ("go", "1.38.0"),
             ("nodejs", "2.2.0"))

METHODS = ("GET",) * 6 + ("POST",) * 3 + ("PUT", "DELETE")
ROUTES = (
    "/api/v1/orders/{}", "/api/v1/orders/{}/items", "/api/v1/users/{}",
    "/api/v1/users/{}/addresses", "/api/v2/products/{}", "/api/v1/carts/{}",
    "/api/v2/products/{}/reviews", "/api/v1/shipments/{}/status",
    "/api/v1/payments/{}", "/api/v1/sessions/{}", "/api/v1/quotes/{}",
    "/api/v2/recommendations/{}", "/api/v1/images/{}/thumbnail",
    "/api/v1/invoices/{}/pdf", "/api/v1/search?page={}", "/internal/jobs/{}",
)
STATUS = (200,) * 14 + (201, 204, 304, 404, 404, 500)
PROTOCOLS = ("1.1", "1.1", "2", "2", "3")
AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/139.0.0.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18.6 Safari/605.1",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) Mobile/15E148",
    "Mozilla/5.0 (Android 15; Mobile; rv:142.0) Gecko/142.0 Firefox/142.0",
    "okhttp/4.12.0", "python-requests/2.32.5", "Go-http-client/2.0",
    "axios/1.11.0", "curl/8.15.0", "kube-probe/1.33", "grpc-java-netty/1.75.0",
)
FUNCTIONS = (
    "com.shop.order.OrderService.place", "com.shop.cart.CartStore.load",
    "com.shop.price.PriceEngine.quote", "com.shop.stock.StockCache.reserve",
    "com.shop.mail.TemplateRenderer.render", "com.shop.auth.TokenCheck.verify",
    "com.shop.search.QueryPlanner.plan", "com.shop.pay.CardVault.charge",
)
THREADS = tuple(f"http-nio-8080-exec-{n}" for n in range(1, 25))
EXCEPTIONS = (
    ("java.net.SocketTimeoutException", "Read timed out after {} ms"),
    ("java.sql.SQLTransientException", "connection {} is busy"),
    ("com.shop.order.OutOfStockException", "product {} is out of stock"),
    ("io.grpc.StatusRuntimeException", "UNAVAILABLE: io exception, try {}"),
)
EVENTS = ("message.received", "cache.miss", "retry.scheduled", "lock.acquired")

# name, unit, kind, keys of its attributes
METRICS = (
    ("http.server.request.duration", "s", "histogram",
     ("http.request.method", "http.route", "http.response.status_code",
      "url.scheme", "shop.cell")),
    ("http.client.request.duration", "s", "histogram",
     ("http.request.method", "server.address", "http.response.status_code",
      "server.port", "shop.cell")),
    ("db.client.operation.duration", "s", "histogram",
     ("db.operation.name", "db.collection.name", "db.namespace",
      "server.address", "shop.cell")),
    ("http.server.active_requests", "{request}", "updown",
     ("http.request.method", "url.scheme", "server.address", "http.route")),
    ("jvm.memory.used", "By", "gauge",
     ("jvm.memory.pool.name", "jvm.memory.type", "shop.cell", "shop.tier")),
    ("jvm.thread.count", "{thread}", "gauge",
     ("jvm.thread.state", "jvm.thread.daemon", "shop.cell", "shop.tier")),
    ("process.cpu.time", "s", "sum",
     ("cpu.mode", "shop.cell", "shop.tier", "thread.name")),
    ("system.network.io", "By", "sum",
     ("network.interface.name", "network.io.direction", "shop.cell",
      "host.name")),
    ("system.disk.operations", "{operation}", "sum",
     ("system.device", "disk.io.direction", "shop.cell", "host.name")),
    ("messaging.client.sent.messages", "{message}", "sum",
     ("messaging.system", "messaging.destination.name",
      "messaging.operation.name", "server.address")),
    ("shop.queue.depth", "{item}", "gauge",
     ("shop.queue.name", "shop.cell", "shop.tier", "shop.tenant.id")),
    ("shop.orders.placed", "{order}", "sum",
     ("shop.tenant.id", "shop.channel", "shop.currency", "shop.cell")),
)
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5,
          5.0, 7.5, 10.0)
VALUES = {
    "url.scheme": ("http", "https"),
    "server.port": (8080, 8443, 443),
    "db.operation.name": ("SELECT", "INSERT", "UPDATE", "DELETE"),
    "db.collection.name": ("orders", "order_items", "users", "products",
                           "carts", "payments", "shipments"),
    "db.namespace": ("shop", "shop_archive"),
    "jvm.memory.pool.name": ("G1 Eden Space", "G1 Old Gen", "G1 Survivor Space",
                             "Metaspace", "CodeHeap 'profiled nmethods'"),
    "jvm.memory.type": ("heap", "non_heap"),
    "jvm.thread.state": ("runnable", "waiting", "timed_waiting", "blocked"),
    "jvm.thread.daemon": (True, False),
    "cpu.mode": ("user", "system", "iowait"),
    "thread.name": THREADS,
    "network.interface.name": ("eth0", "eth1", "lo"),
    "network.io.direction": ("receive", "transmit"),
    "system.device": ("nvme0n1", "nvme1n1", "sda", "sdb"),
    "disk.io.direction": ("read", "write"),
    "messaging.system": ("kafka", "rabbitmq"),
    "messaging.destination.name": ("orders.placed", "orders.shipped",
                                   "mail.outgoing", "stock.changed"),
    "messaging.operation.name": ("send", "publish"),
    "shop.queue.name": ("mail", "thumbnails", "exports", "webhooks"),
    "shop.cell": ("eu-1a", "eu-1b", "us-2a", "us-2b", "ap-1a"),
    "shop.tier": ("gold", "silver", "free"),
    "shop.tenant.id": tuple(f"tenant-{n:04d}" for n in range(400)),
    "shop.channel": ("web", "app", "partner"),
    "shop.currency": ("EUR", "USD", "GBP", "CHF", "JPY"),
    "http.request.method": ("GET", "POST", "PUT", "DELETE"),
    "http.route": tuple(r.replace("{}", "{id}") for r in ROUTES),
    "http.response.status_code": (200, 201, 204, 304, 404, 500),
    "server.address": tuple(f"{s}.shop.svc" for s in SERVICES),
    "host.name": tuple(f"ip-10-0-{n}-17.internal" for n in range(12)),
}

# 10 subjects x 20 things that happen to them = 200 log templates.
LOG_SUBJECTS = (
    "order {}", "cart {}", "user {}", "payment {}", "session {}",
    "shipment {}", "job {}", "product {}", "webhook {}", "invoice {}",
)
LOG_EVENTS = (
    "created in {} ms", "updated by worker {}", "deleted after {} s",
    "not found in cache, loading from database (attempt {})",
    "validated against schema version {}", "rejected: limit of {} exceeded",
    "queued at position {}", "handed to partition {}", "retried {} times",
    "timed out after {} ms, giving up", "acknowledged with offset {}",
    "locked by transaction {}", "released after {} us",
    "moved to shard {}", "indexed with {} fields", "rendered in {} ms",
    "took {} database queries", "expired {} seconds ago",
    "sent to downstream, {} bytes", "finished with code {}",
)
