"""The dashboard of the server: traffic, latency, batches, models and the record."""

from deploy.monitoring.panels import ASKED, SERVERS, Dashboard, Panel, quantiles, rate

SERVER = Dashboard(
    "model-server",
    "Model server",
    "model_server_requests_total",
    {
        "Traffic": (
            Panel(
                "Requests by status",
                {f"sum by (status) ({rate('model_server_requests_total')})": "{{status}}"},
                "reqps",
                about="Over every protocol the status is the one that HTTP has. "
                "499: the client had left.",
            ),
            Panel(
                "Requests by model and protocol",
                {
                    f"sum by (model, protocol) ({rate('model_server_requests_total')})": (
                        "{{model}} {{protocol}}"
                    )
                },
                "reqps",
            ),
            Panel(
                "Error budget: how many times faster it goes than it may",
                {
                    "model_server:bad_requests:ratio_rate1h{" + ASKED + "} / on (objective)"
                    " group_left model_server:error_budget:ratio": "{{model}} {{objective}}"
                },
                about="Over the last hour. At 1 it lasts for just the 30 days; "
                "14.4 wakes somebody.",
            ),
            Panel(
                "Refused under load",
                {
                    f"sum by (model, reason) ({rate('model_server_refusals_total')})": (
                        "{{model}} {{reason}}"
                    )
                },
                "reqps",
            ),
        ),
        "Latency": (
            Panel("Time to answer", quantiles("model_server_request_seconds"), "s", log=True),
            Panel(
                "Time to answer, 99th percentile by route",
                {
                    "histogram_quantile(0.99, sum by (route, le) "
                    f"({rate('model_server_request_seconds_bucket')}))": "{{route}}"
                },
                "s",
                log=True,
            ),
            Panel(
                "Time in the queue",
                quantiles("model_server_queue_wait_seconds"),
                "s",
                about="From a request's arrival to its first batch: part of the time to answer.",
                log=True,
            ),
            Panel(
                "Rows that wait",
                {
                    f"sum by (model, route) (model_server_queue_rows{{{ASKED}}})": (
                        "{{model}} {{route}}"
                    )
                },
            ),
        ),
        "Batches": (
            Panel(
                "Rows computed",
                {
                    f"sum by (model, route) ({rate('model_server_batch_rows_sum')})": (
                        "{{model}} {{route}}"
                    )
                },
                "cps",
            ),
            Panel(
                "Rows in a batch, on average",
                {
                    f"sum by (model, route) ({rate('model_server_batch_rows_sum')})"
                    f" / sum by (model, route) ({rate('model_server_batch_rows_count')})": (
                        "{{model}} {{route}}"
                    )
                },
            ),
            Panel("Rows in a batch", quantiles("model_server_batch_rows"), log=True),
            Panel(
                "Time since the last batch",
                {
                    "time() - max by (model)"
                    f" (model_server_last_batch_timestamp_seconds{{{ASKED}}})": "{{model}}"
                },
                "s",
            ),
        ),
        "Models": (
            Panel(
                "What is served, and by how many instances",
                {f"count by (model, tag) (model_server_model_info{{{SERVERS}}} == 1)": ""},
                kind="table",
            ),
            Panel(
                "Instances by tag",
                {f"count by (tag) (model_server_model_info{{{SERVERS}}} == 1)": "{{tag}}"},
                about="During a promotion, of a model's two tags one goes up and one down.",
            ),
            Panel(
                "Workers",
                {
                    f"sum(model_server_workers{{{SERVERS}}})": "wanted",
                    f"sum(model_server_workers_serving{{{SERVERS}}})": "serving",
                },
            ),
        ),
        "Record": (
            Panel(
                "Requests recorded",
                {f"sum({rate('model_server_record_entries_total', SERVERS)})": "recorded"},
                "reqps",
            ),
            Panel(
                "Requests answered and not recorded",
                {
                    f"sum by (reason) ({rate('model_server_record_dropped_total', SERVERS)})": (
                        "{{reason}}"
                    )
                },
                "reqps",
            ),
            Panel(
                "Labels taken, and refused",
                {
                    f"sum by (model) ({rate('model_server_labels_accepted_total', SERVERS)})": (
                        "{{model}}"
                    ),
                    f"sum({rate('model_server_labels_refused_total', SERVERS)})": "refused",
                },
                "cps",
            ),
            Panel(
                "Requests that wait to be written",
                {f"sum by (instance) (model_server_record_waiting{{{SERVERS}}})": "{{instance}}"},
            ),
            Panel(
                "Bytes written",
                {f"sum({rate('model_server_record_written_bytes_total', SERVERS)})": "written"},
                "Bps",
            ),
            Panel(
                "Bytes of the spool",
                {f"model_server_record_spool_bytes{{{SERVERS}}}": "{{instance}}"},
                "bytes",
            ),
            Panel(
                "Age of the oldest file that no converter has taken",
                {
                    f"model_server_record_oldest_unconverted_seconds{{{SERVERS}}}": "{{instance}}",
                },
                "s",
            ),
        ),
    },
)
