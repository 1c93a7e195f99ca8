// The metrics process: shows the numbers of workers and authz over HTTP, and says whether logins would work.
#pragma once

#include <vector>

#include "authz/base/fd.h"
#include "authz/config.h"

namespace gerve {

struct MetricsSockets {
    Fd listener;      // TCP, bound and listening
    Fd control;       // to the master: "ready" is sent on it; its end means the master died
    Fd gateway_page;  // shared_page.h; read only
    Fd authz_page;
};

// GET or HEAD of /metrics, /healthz (this process lives), /readyz (authz and its database answer, and nothing
// drains; 503 and the reason otherwise). One request of at most 8 KiB on each connection, 64 connections, 5 s
// for each. Runs until SIGTERM or until the master is gone; returns the exit status.
[[nodiscard]] int run_metrics(const Config& config, MetricsSockets sockets);

}  // namespace gerve
