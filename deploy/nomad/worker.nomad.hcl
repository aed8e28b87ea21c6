# Workers on Nomad, as many as a queue asks for: nomad-autoscaler with its prometheus source reads the scaling block.
job "slipway-worker" {
  datacenters = ["dc1"]
  type        = "service"

  group "worker" {
    count = 1

    scaling {
      enabled = true
      min     = 0
      max     = 8

      policy {
        evaluation_interval = "5s"
        # After a change, and before workers go.
        cooldown            = "1m"

        check "demand" {
          source       = "prometheus"
          query        = "ceil(max(slipway_queue_demand{queue=\"default\"}) / 4)" # 4: worker.slots
          query_window = "1m"
          # The most of the last minutes, so that a pause ends nothing.
          query_window_offset = "0s"

          strategy "pass-through" {}
        }
      }
    }

    task "worker" {
      driver       = "raw_exec" # on hosts of their own, each with an engine
      user         = "slipway"
      kill_signal  = "SIGTERM"
      kill_timeout = "3600s" # more than worker.drain_s

      config {
        command = "/usr/local/bin/slipway-worker"
      }

      env {
        SLIPWAY_CONFIG        = "/etc/slipway/worker.yaml"
        SLIPWAY__WORKER__NAME = "${NOMAD_SHORT_ALLOC_ID}"
      }
    }
  }
}
