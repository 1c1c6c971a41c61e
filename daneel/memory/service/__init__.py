"""The memory service: vector stores over gRPC and GraphQL, and the clients that speak to them."""

from daneel.memory.service.extra import require

require("grpc", "google.protobuf")
