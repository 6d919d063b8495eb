//! Every metric there is: its name, what it is, its labels, and what it means.
//!
//! `docs/metrics.md` says the same to people, and a test holds the two together; another looks that nothing in
//! `packaging/` asks for a metric that is not here.

/// What a metric does with time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Grows, and begins anew with the process.
    Counter,
    /// Goes up and down.
    Gauge,
}

impl Kind {
    /// The word of the text format.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

/// One metric.
#[derive(Debug)]
pub(crate) struct Metric {
    /// Its name, with its unit, and `_total` behind counters.
    pub(crate) name: &'static str,
    /// What it does with time.
    pub(crate) kind: Kind,
    /// The names of its labels.
    pub(crate) labels: &'static [&'static str],
    /// What it means.
    pub(crate) help: &'static str,
}

macro_rules! metrics {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(
            #[doc = $help]
            pub(crate) static $constant: Metric =
                Metric { name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help };
        )+

        /// All of them, in the order of the page.
        #[cfg(test)]
        pub(crate) static ALL: &[&Metric] = &[$(&$constant),+];
    };
}

metrics! {
    BUILD_INFO = Gauge "weir_build_info" ["version"] "Always 1; the version of weir that runs.";
    INVARIANT_VIOLATIONS = Counter "weir_invariant_violations_total" ["invariant"]
        "Times that something did not add up which must: datagrams = decoded + held + refused, and the trial balance of octets. Anything but 0 is a defect of weir.";
    INVARIANT_DIFFERENCE = Gauge "weir_invariant_difference" ["invariant"]
        "By how many datagrams, or octets, the two sides of an invariant differ now. Must be 0.";

    DATAGRAMS = Counter "weir_datagrams_total" [] "Datagrams that arrived, messages of connections included, whatever became of them.";
    DATAGRAMS_DECODED = Counter "weir_datagrams_decoded_total" [] "Datagrams that were read.";
    DATAGRAMS_HELD = Counter "weir_datagrams_held_total" []
        "Datagrams that had to wait: for a template, or until it was clear whether they are duplicates.";
    DATAGRAMS_HELD_SETTLED = Counter "weir_datagrams_held_settled_total" []
        "Datagrams that waited (some before a restart) and were decoded or refused since, where they are counted too.";
    DATAGRAMS_REFUSED = Counter "weir_datagrams_refused_total" ["reason"] "Datagrams of which nothing was stored, by reason.";
    KERNEL_DROPS = Counter "weir_kernel_drops_total" []
        "Datagrams that the kernel dropped because weir's receive buffers were full. They are in no other count.";

    RECORDS = Counter "weir_records_total" [] "Flow records decoded.";
    FLOWS = Counter "weir_flows_total" [] "Rows that the records became: a record of both directions becomes two.";
    OCTETS = Counter "weir_octets_total" [] "Octets of those rows, sampling undone: the left side of the trial balance.";
    PACKETS = Counter "weir_packets_total" [] "Packets of those rows, sampling undone.";
    CLASS_FLOWS = Counter "weir_class_flows_total" ["class"] "Rows stored, by their place in the trial balance.";
    CLASS_OCTETS = Counter "weir_class_octets_total" ["class"] "Octets stored, by their place in the trial balance.";
    DISCARDED_FLOWS = Counter "weir_discarded_flows_total" ["reason"] "Rows decoded and not stored, by reason.";
    DISCARDED_OCTETS = Counter "weir_discarded_octets_total" ["reason"] "Octets decoded and not stored, by reason.";

    RECORDS_LOST = Counter "weir_records_lost_total" [] "Records that were sent and did not arrive, by the exporters' sequence numbers.";
    RECORDS_LOST_FOUND = Counter "weir_records_lost_found_total" [] "Of those, records that came late after all.";
    DATAGRAMS_LOST = Counter "weir_datagrams_lost_total" [] "Datagrams that were sent and did not arrive, by the exporters' sequence numbers.";
    DATAGRAMS_LOST_FOUND = Counter "weir_datagrams_lost_found_total" [] "Of those, datagrams that came late after all.";
    OCTETS_LOST = Counter "weir_octets_lost_estimate_total" [] "Octets of the lost records, estimated by each exporter's recent mean.";
    OCTETS_LOST_FOUND = Counter "weir_octets_lost_estimate_found_total" [] "Of those, octets of what came late after all.";
    EVENTS = Counter "weir_events_total" ["event", "reason"]
        "Everything else that is counted, by the name it has in the store and its reason, if it has one.";
    EVENTS_BACK = Counter "weir_events_back_total" ["event", "reason"] "Of those, what was taken back: sets that waited and were released, say.";

    EXPORTERS = Gauge "weir_exporters" [] "Exporters heard since the start that have figures of their own, at most 1000.";
    EXPORTER_DATAGRAMS = Counter "weir_exporter_datagrams_total" ["exporter", "name"]
        "Datagrams that arrived, by exporter. Those beyond the thousandth are `other` together.";
    EXPORTER_REFUSED = Counter "weir_exporter_datagrams_refused_total" ["exporter", "name"] "Datagrams of which nothing was stored, by exporter.";
    EXPORTER_RECORDS = Counter "weir_exporter_records_total" ["exporter", "name"] "Flow records decoded, by exporter.";
    EXPORTER_OCTETS = Counter "weir_exporter_octets_total" ["exporter", "name"] "Octets decoded, sampling undone, by exporter.";
    EXPORTER_LOST = Counter "weir_exporter_records_lost_total" ["exporter", "name"] "Records that were sent and did not arrive, by exporter.";
    EXPORTER_LOST_FOUND = Counter "weir_exporter_records_lost_found_total" ["exporter", "name"] "Of those, records that came late after all.";
    EXPORTER_LAST = Gauge "weir_exporter_last_heard_timestamp_seconds" ["exporter", "name"] "When something of this exporter was stored last.";

    LISTENER_DATAGRAMS = Counter "weir_listener_datagrams_total" ["listener"] "Datagrams and messages that a listener took in.";
    LISTENER_DROPS = Counter "weir_listener_kernel_drops_total" ["listener"] "Datagrams that the kernel dropped because this listener's buffer was full.";
    LISTENER_BUFFER = Gauge "weir_listener_receive_buffer_bytes" ["listener"] "The receive buffer as the kernel granted it.";
    LISTENER_BUFFER_WANTED = Gauge "weir_listener_receive_buffer_wanted_bytes" ["listener"] "The receive buffer that was asked for.";
    LISTENER_SESSIONS = Gauge "weir_listener_sessions" ["listener"] "Sessions: exporters, by address, port, protocol and observation domain.";
    LISTENER_AGE = Gauge "weir_listener_progress_age_seconds" ["listener"] "Time since the listener's thread last went round.";
    WRITER_AGE = Gauge "weir_writer_progress_age_seconds" [] "Time since the writer last went round.";
    QUEUE_BATCHES = Gauge "weir_queue_batches" [] "Batches that wait for the writer.";
    QUEUE_CAPACITY = Gauge "weir_queue_capacity_batches" [] "Batches that may wait for the writer before listeners wait for it.";
    BATCHES = Counter "weir_batches_total" [] "Batches that the writer took.";

    STORE_JOURNAL_BYTES = Gauge "weir_store_journal_bytes" [] "Bytes of the journal's open file.";
    STORE_JOURNAL_ROWS = Gauge "weir_store_journal_rows" [] "Rows of the journal's open file: stored, and in no segment yet.";
    STORE_UNSYNCED_AGE = Gauge "weir_store_unsynced_age_seconds" [] "Age of the oldest batch that a power failure would lose; 0 if there is none.";
    STORE_UNSEALED_AGE = Gauge "weir_store_unsealed_age_seconds" [] "Age of the oldest batch of the journal's open file; 0 if there is none.";
    STORE_SEALS = Gauge "weir_store_seals_waiting" [] "Full journal files that are being sealed or wait for it.";
    STORE_FILES = Gauge "weir_store_files" ["kind"] "Committed files, by kind.";
    STORE_BYTES = Gauge "weir_store_bytes" ["kind"] "Bytes of the committed files, by kind.";
    STORE_ROWS = Gauge "weir_store_rows" ["kind"] "Rows of the committed files, by kind.";
    STORE_BUDGET = Gauge "weir_store_disk_budget_bytes" [] "The disk budget of the configuration; absent if there is none.";
    STORE_FREE = Gauge "weir_store_disk_free_bytes" [] "Free bytes of the file system that the store is on, as weir may use them.";
    STORE_SIZE = Gauge "weir_store_disk_size_bytes" [] "Size of the file system that the store is on.";
    STORE_SPACE = Gauge "weir_store_space_bytes" ["part"] "All that the store takes, by what takes it: what counts against the budget.";
    STORE_LIMIT = Gauge "weir_store_limit_bytes" []
        "What the store may take: the budget, or the size of the disk if that is less; without a budget what it takes and what is free.";
    STORE_LASTS = Gauge "weir_store_lasts_seconds" ["part"]
        "How long what there is room for lasts at the pace of the last seven days: flow records (`detail`), and accounts once all flow records are given up. Absent with less than an hour to go by.";
    STORE_OVER = Gauge "weir_store_is_over_budget" [] "1 while accounts and the journal alone take more than the budget, 0 otherwise.";
    STORE_RETIRED_FLOWS = Counter "weir_store_retired_flows_total" [] "Flow records that were given up for room or for their age.";
    STORE_RETIRED_BYTES = Counter "weir_store_retired_bytes_total" [] "Bytes of the files that were given up for room or for their age.";
    STORE_ROLLUPS_LOST = Counter "weir_store_rollups_lost_total" [] "Roll-ups with `keep` that could not be read when their records were given up: they are not kept.";
    STORE_RETIRED = Gauge "weir_store_retired_before_timestamp_seconds" [] "Flow records before this were given up for room or for their age; absent if none were.";
    STORE_ACCOUNTS_RETIRED = Gauge "weir_store_accounts_retired_before_timestamp_seconds" [] "Accounts before this were given up for their age; absent if none were.";
    STORE_WRITING = Gauge "weir_store_is_storing" [] "1 while what arrives is stored, 0 while the disk refuses.";

    MEMORY = Gauge "weir_memory_bytes" ["consumer"] "Memory by what has it, estimated; the rest is the program itself and what the allocator keeps.";
    MEMORY_LIMIT = Gauge "weir_memory_limit_bytes" [] "The memory budget of the configuration.";
    MEMORY_PRESSURE = Counter "weir_memory_early_seals_total" [] "Times that the journal was sealed early because memory was short.";
    MEMORY_REFUSED = Counter "weir_memory_refused_total" [] "Templates, names and waiting sets that will not survive a restart, because the memory of sessions is full.";

    SCHEDULE_JOBS = Counter "weir_schedule_jobs_total" ["outcome"] "Jobs of the schedule, by outcome: `done`, or `failed` and to be tried again.";
    MAIL_LETTERS = Counter "weir_mail_letters_total" ["outcome"]
        "Letters that the daemon handed over, by outcome: `sent`, `deferred` to a later try, or `failed` for good.";
    MAIL_WAITING = Gauge "weir_mail_waiting" [] "Letters that wait to be sent.";
    QUOTA_AGE = Gauge "weir_quota_look_age_seconds" [] "Time since quotas were last looked at; absent before the first time and without quotas.";
    QUOTA_BLOCKED = Gauge "weir_quota_blocked" [] "Tenants and hosts that are blocked because of a quota.";
    QUOTA_FAILING = Gauge "weir_quota_failing" [] "Addresses and networks that are to be blocked or unblocked, and could not be so far; it is tried again.";
    QUOTA_UNWATCHED = Gauge "weir_quota_unwatched" [] "Hosts over a threshold about which nothing is done, because 10,000 of the quota are watched.";
    QUOTA_ACTIONS = Counter "weir_quota_actions_total" ["action", "result"]
        "What was done because of quotas, by result: `failed` counts every try, `refused` is the fuse or the allow list, `dry` a dry run.";

    HTTP_REQUESTS = Counter "weir_http_requests_total" ["path", "code"] "Requests answered over HTTP.";
    HTTP_REFUSED = Counter "weir_http_connections_refused_total" [] "Connections turned away because as many were open as may be.";
    SQL_REFUSED = Counter "weir_sql_connections_refused_total" [] "Connections to `[sql]` turned away because as many were open as may be.";

    PROCESS_RESIDENT = Gauge "process_resident_memory_bytes" [] "Memory of the process that is really there.";
    PROCESS_CPU = Counter "process_cpu_seconds_total" [] "Processor time, user and system.";
    PROCESS_THREADS = Gauge "process_threads" [] "Threads of the process.";
    PROCESS_FDS = Gauge "process_open_fds" [] "Descriptors in use.";
    PROCESS_FDS_MAX = Gauge "process_max_fds" [] "Descriptors that the process may have.";
    PROCESS_START = Gauge "process_start_time_seconds" [] "When the daemon began.";
}
