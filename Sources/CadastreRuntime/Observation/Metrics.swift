internal import CadastreNode
internal import CadastreProtocol
internal import CadastreStateMachine
internal import CadastreStorage
package import CadastreTLS
internal import CoreMetrics
internal import Logging
internal import Metrics
internal import RaftCore

/// Which door something came through; a label of metrics and logs.
package enum Listener: String, Hashable, Sendable, CaseIterable {
    /// Other nodes.
    case peer
    /// Services and tenants.
    case client
    /// Operators and `/metrics`.
    case administration
}

/// Every metric of a node, declared in one place.
///
/// Labels hold only words of ours and node numbers.
package struct NodeMetrics: Sendable {
    /// Where the metrics are kept.
    package let factory: PrometheusFactory
    let requests: Each<RequestLabel, Counter>
    let replies: Each<OutcomeLabel, Counter>
    let refusals: [Refusal: Counter]
    let requestSeconds: Each<RequestLabel, Timer>
    let connections: [Listener: Gauge]
    let accepted: [Listener: Counter]
    let faults: [Listener: Counter]
    let cuts: [Listener: Counter]
    let refusedConnections: [Listener: [ConnectionRefusal: Counter]]
    let inFlight: Gauge
    let roleChanges: [RoleName: Counter]
    let peerMessages: Counter
    let peerBytes: Counter
    let peerDropped: Counter
    let peerReceived: Counter
    let journalSeconds: Timer
    let applySeconds: Timer
    let applyBatch: Recorder
    let certificateReloads: [Bool: Counter]

    /// The kinds of requests.
    enum RequestLabel: Int, CaseIterable {
        case command, query, administration, http
    }

    /// The outcomes of requests.
    enum OutcomeLabel: Int, CaseIterable {
        case done, refused, unknown
    }

    /// A metric for each label, whose raw values count from 0: every request looks some up, so that
    /// nothing is hashed.
    struct Each<Label: CaseIterable & RawRepresentable<Int>, Metric: Sendable>: Sendable {
        private let metrics: [Metric]

        init(_ make: (Label) -> Metric) {
            precondition(
                Label.allCases.map(\.rawValue).elementsEqual(0..<Label.allCases.count),
                "the labels of a metric do not count from 0"
            )
            metrics = Label.allCases.map(make)
        }

        subscript(_ label: Label) -> Metric { metrics[label.rawValue] }
    }

    /// Makes all metrics.
    package init() {
        let factory = PrometheusFactory(Self.families)
        self.factory = factory
        func counter(_ name: String, _ labels: [(String, String)] = []) -> Counter {
            Counter(label: name, dimensions: labels, factory: factory)
        }
        func gauge(_ name: String, _ labels: [(String, String)] = []) -> Gauge {
            Gauge(label: name, dimensions: labels, factory: factory)
        }
        func timer(_ name: String, _ labels: [(String, String)] = []) -> Timer {
            Timer(label: name, dimensions: labels, factory: factory)
        }
        requests = Each { counter("cadastre_requests_total", [("kind", "\($0)")]) }
        replies = Each { counter("cadastre_replies_total", [("outcome", "\($0)")]) }
        refusals = Self.each { counter("cadastre_refusals_total", [("refusal", $0.name)]) }
        requestSeconds = Each { timer("cadastre_request_seconds", [("kind", "\($0)")]) }
        connections = Self.each { gauge("cadastre_connections", [("listener", $0.rawValue)]) }
        accepted = Self.each {
            counter("cadastre_connections_accepted_total", [("listener", $0.rawValue)])
        }
        faults = Self.each {
            counter("cadastre_protocol_faults_total", [("listener", $0.rawValue)])
        }
        cuts = Self.each {
            counter("cadastre_connections_cut_total", [("listener", $0.rawValue)])
        }
        refusedConnections = Self.each { listener in
            Self.each { reason in
                counter(
                    "cadastre_connections_refused_total",
                    [("listener", listener.rawValue), ("reason", reason.label)]
                )
            }
        }
        inFlight = gauge("cadastre_requests_in_flight")
        roleChanges = Self.each { counter("cadastre_role_changes_total", [("role", "\($0)")]) }
        peerMessages = counter("cadastre_peer_messages_sent_total")
        peerBytes = counter("cadastre_peer_bytes_sent_total")
        peerDropped = counter("cadastre_peer_messages_dropped_total")
        peerReceived = counter("cadastre_peer_messages_received_total")
        journalSeconds = timer("cadastre_journal_batch_seconds")
        applySeconds = timer("cadastre_apply_batch_seconds")
        applyBatch = Recorder(
            label: "cadastre_apply_batch_entries",
            dimensions: [],
            aggregate: true,
            factory: factory
        )
        certificateReloads = [
            true: counter("cadastre_certificate_reloads_total", [("result", "done")]),
            false: counter("cadastre_certificate_reloads_total", [("result", "failed")]),
        ]
    }

    private static func each<Key: CaseIterable & Hashable, Value>(
        _ make: (Key) -> Value
    ) -> [Key: Value] {
        Dictionary(uniqueKeysWithValues: Key.allCases.map { ($0, make($0)) })
    }

    /// Seconds from 50 µs to 10 s.
    private static let seconds: [Double] = [
        0.000_05, 0.000_1, 0.000_2, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5,
        1, 2, 5, 10,
    ]

    static let families: [PrometheusFactory.Family] = [
        .init("cadastre_requests_total", .counter, "Requests that were read."),
        .init("cadastre_replies_total", .counter, "Replies by outcome."),
        .init("cadastre_refusals_total", .counter, "Refused requests by reason."),
        .init(
            "cadastre_request_seconds",
            .histogram(seconds),
            "From a request's last byte to its reply."
        ),
        .init("cadastre_requests_in_flight", .gauge, "Requests that wait for their reply."),
        .init("cadastre_connections", .gauge, "Connections that stand."),
        .init("cadastre_connections_accepted_total", .counter, "Connections that were let in."),
        .init("cadastre_connections_refused_total", .counter, "Connections that were not let in."),
        .init(
            "cadastre_protocol_faults_total",
            .counter,
            "Connections closed for what the other side did: protocol broken, replies left unread, "
                + "messages left unfinished."
        ),
        .init(
            "cadastre_connections_cut_total",
            .counter,
            "Connections that ended without a close."
        ),
        .init("cadastre_role_changes_total", .counter, "Changes of this node's role, by new role."),
        .init("cadastre_is_leader", .gauge, "1 on the leader."),
        .init("cadastre_is_witness", .gauge, "1 on a witness, which votes and keeps no state."),
        .init("cadastre_term", .gauge, "The newest term."),
        .init("cadastre_last_index", .gauge, "The end of the log."),
        .init("cadastre_persisted_index", .gauge, "The end of what is durable here."),
        .init("cadastre_commit_index", .gauge, "The end of what is known to be committed."),
        .init("cadastre_applied_index", .gauge, "The end of what is applied."),
        .init("cadastre_objects", .gauge, "Objects of all tenants."),
        .init("cadastre_waiting_commands", .gauge, "Commands that wait for a block."),
        .init("cadastre_waiting_command_bytes", .gauge, "Their bytes."),
        .init("cadastre_entry_cache_bytes", .gauge, "Bytes of log entries kept in memory."),
        .init("cadastre_queue_events", .gauge, "Events that wait for a stage."),
        .init("cadastre_peer_connected", .gauge, "1 while the connection to the peer stands."),
        .init("cadastre_peer_messages_sent_total", .counter, "Messages sent to peers."),
        .init("cadastre_peer_bytes_sent_total", .counter, "Bytes of those messages."),
        .init(
            "cadastre_peer_messages_dropped_total",
            .counter,
            "Messages dropped because a peer was away or too slow."
        ),
        .init("cadastre_peer_messages_received_total", .counter, "Messages from peers."),
        .init("cadastre_journal_batch_seconds", .histogram(seconds), "One batch with its fsync."),
        .init("cadastre_journal_syncs_total", .counter, "Syncs of the journal."),
        .init("cadastre_journal_bytes_total", .counter, "Bytes written to the journal."),
        .init("cadastre_journal_entries_total", .counter, "Entries written to the journal."),
        .init("cadastre_journal_entry_bytes_total", .counter, "Bytes of those entries."),
        .init(
            "cadastre_journal_late_preparations_total",
            .counter,
            "Segments that a write had to prepare itself."
        ),
        .init("cadastre_journal_segments", .gauge, "Segments that exist."),
        .init(
            "cadastre_apply_batch_seconds",
            .histogram(seconds),
            "One turn of the apply stage, or storing behind it."
        ),
        .init(
            "cadastre_apply_batch_entries",
            .histogram([1, 2, 4, 8, 16, 32, 64, 128, 256, 512]),
            "Events in one turn of the apply stage."
        ),
        .init("cadastre_apply_entries_total", .counter, "Entries applied."),
        .init("cadastre_apply_commands_total", .counter, "Commands applied."),
        .init("cadastre_apply_refused_total", .counter, "Commands refused when applied."),
        .init("cadastre_queries_total", .counter, "Queries answered or refused by the state."),
        .init("cadastre_state_commits_total", .counter, "Transactions of the state database."),
        .init("cadastre_state_checkpoints_total", .counter, "Checkpoints of the state database."),
        .init(
            "cadastre_state_reapplications_total",
            .counter,
            "Times a transaction was lost and its entries were applied again."
        ),
        .init("cadastre_snapshot_index", .gauge, "The last entry of the newest own snapshot."),
        .init("cadastre_snapshot_bytes", .gauge, "Bytes of it."),
        .init("cadastre_snapshot_time_seconds", .gauge, "Cluster time in it, seconds since 1970."),
        .init("cadastre_snapshot_receiving_bytes", .gauge, "Bytes of the state being fetched."),
        .init("cadastre_snapshot_received_bytes", .gauge, "How many of them are here."),
        .init("cadastre_scrub_bytes_total", .counter, "Bytes of old files that were read again."),
        .init("cadastre_scrubs_total", .counter, "Times that all of them were."),
        .init("cadastre_scrub_damages_total", .counter, "Damages that were found by that."),
        .init(
            "cadastre_scrub_ended_time_seconds",
            .gauge,
            "When all were last read again, seconds since 1970; 0 if not since the start."
        ),
        .init("cadastre_certificate_reloads_total", .counter, "Readings of the certificate files."),
        .init(
            "cadastre_log_lines_dropped_total",
            .counter,
            "Lines of the log that nobody took in time."
        ),
    ]
}

/// Why a connection was not let in: TLS's reasons and ours.
package enum ConnectionRefusal: Hashable, Sendable, CaseIterable {
    /// TLS refused the peer.
    case tls(TLSRefusal.Reason)
    /// TLS failed in another way: timeout, cut, refused by the other side.
    case handshake
    /// The greeting was not ours or did not fit.
    case greeting
    /// There are too many connections.
    case tooMany
    /// The node is shutting down.
    case shuttingDown

    package static var allCases: [ConnectionRefusal] {
        TLSRefusal.Reason.allCases.map(ConnectionRefusal.tls)
            + [.handshake, .greeting, .tooMany, .shuttingDown]
    }

    /// The label's value.
    package var label: String {
        switch self {
        case .tls(let reason): reason.rawValue
        case .handshake: "handshake"
        case .greeting: "greeting"
        case .tooMany: "too_many"
        case .shuttingDown: "shutting_down"
        }
    }
}
