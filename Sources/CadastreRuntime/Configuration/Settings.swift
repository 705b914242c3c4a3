internal import CadastreProtocol
internal import CoreMetrics
internal import Logging

/// Everything that a node's operator may choose, checked.
package struct Settings: Hashable, Sendable {
    /// The three places where a node listens, or is reached.
    package struct Listeners: Hashable, Sendable {
        /// For other nodes.
        package var peer: SocketName
        /// For services and tenants.
        package var client: SocketName
        /// For operators, `/metrics` and `/health`.
        package var administration: SocketName
    }

    /// A certificate and its key.
    package struct CertificatePair: Hashable, Sendable {
        /// The certificate's file.
        package var certificate: String
        /// The key's file.
        package var key: String
    }

    /// How long things take, in milliseconds.
    package struct Times: Hashable, Sendable {
        /// One tick of the consensus clock.
        package var tick: Int
        /// How often a leader is heard.
        package var heartbeat: Int
        /// The silence after which a follower stands for election is drawn from this range.
        package var election: ClosedRange<Int>
    }

    /// What is bounded.
    package struct Bounds: Hashable, Sendable {
        /// Connections of clients.
        package var connections: Int
        /// Connections of operators.
        package var administrationConnections: Int
        /// Connections of one identity to one node.
        package var connectionsPerIdentity: Int
        /// Requests on the way on one connection.
        package var requestsPerConnection: Int
        /// Requests on the way for one tenant.
        package var requestsPerTenant: Int
        /// Bytes of requests on the way.
        package var queueSize: Int
        /// Bytes on their way to one peer.
        package var peerQueueSize: Int
        /// Bytes of replies that one client has not read.
        package var replySize: Int
    }

    /// The node's number.
    package var node: UInt64
    /// Where its data lies.
    package var directory: String
    /// The file that describes the cluster as it was founded.
    package var genesis: String
    /// Where it listens.
    package var listeners: Listeners
    /// Where others reach it: where it listens, unless something stands between.
    package var advertised: Listeners
    /// The address that it dials its peers from; nil lets the system choose.
    package var dialSource: String?
    /// Shown to those who connect: extended key usage serverAuth.
    package var serverPair: CertificatePair
    /// Shown to peers that are dialled: extended key usage clientAuth.
    package var clientPair: CertificatePair
    /// Root certificates; no other root is trusted.
    package var roots: [String]
    /// Revocation lists.
    package var revocations: String?
    /// How long things take.
    package var times: Times
    /// What is bounded.
    package var bounds: Bounds
    /// What is kept in memory of what the state database holds, in bytes.
    package var cacheSize: Int
    /// A journal segment in bytes.
    package var segmentSize: Int
    /// What is kept free on the disk, in bytes.
    package var reserveSize: Int
    /// Bytes of entries from one snapshot to the next.
    package var snapshotInterval: Int
    /// Bytes a second that snapshots may take of the network.
    package var snapshotRate: Int
    /// Hours from one reading of old files to the next; 0: they are not read again.
    package var scrubHours: Int
    /// Bytes a second that it may read.
    package var scrubRate: Int
    /// Threads that serve clients.
    package var clientThreads: Int
    /// The least important log lines that are written.
    package var logLevel: String

    /// Every setting, in the order in which people read them.
    package static let table: [Setting] = [
        Setting(
            key: "node.id",
            kind: .integer(1...Int(Int32.max), unit: ""),
            presence: .required,
            help: "This node's number in the cluster, as in the genesis and its certificates."
        ),
        Setting(
            key: "node.directory",
            kind: .path,
            presence: .required,
            help: "The folder of this node's data; `cadastred init` founds it."
        ),
        Setting(
            key: "node.genesis",
            kind: .path,
            presence: .required,
            help: "The file that describes the cluster as it was founded."
        ),
        Setting(
            key: "listen.peer",
            kind: .address,
            presence: .required,
            help: "Where other nodes reach this one."
        ),
        Setting(
            key: "listen.client",
            kind: .address,
            presence: .required,
            help: "Where services and tenants reach this node."
        ),
        Setting(
            key: "listen.administration",
            kind: .address,
            presence: .required,
            help: "Where operators reach this node; also /metrics and /health."
        ),
        Setting(
            key: "advertise.peer",
            kind: .address,
            presence: .optional,
            help: "Where other nodes dial this one, if that is not listen.peer."
        ),
        Setting(
            key: "advertise.client",
            kind: .address,
            presence: .optional,
            help: "Where services and tenants dial this node, if that is not listen.client."
        ),
        Setting(
            key: "advertise.administration",
            kind: .address,
            presence: .optional,
            help: "Where operators dial this node, if that is not listen.administration."
        ),
        Setting(
            key: "dial.source",
            kind: .host,
            presence: .optional,
            help: "The address of this machine to dial peers from; else the system chooses."
        ),
        Setting(
            key: "tls.server_certificate",
            kind: .path,
            presence: .required,
            help: "The certificate shown to those who connect (extended key usage serverAuth)."
        ),
        Setting(
            key: "tls.server_key",
            kind: .path,
            presence: .required,
            help: "Its key; readable by its owner alone."
        ),
        Setting(
            key: "tls.client_certificate",
            kind: .path,
            presence: .required,
            help: "The certificate shown to peers (extended key usage clientAuth)."
        ),
        Setting(
            key: "tls.client_key",
            kind: .path,
            presence: .required,
            help: "Its key; readable by its owner alone."
        ),
        Setting(
            key: "tls.roots",
            kind: .paths,
            presence: .required,
            help: "Root certificates; no other root is trusted."
        ),
        Setting(
            key: "tls.revocations",
            kind: .path,
            presence: .optional,
            help: "Revocation lists; with them, an authority without a fresh list is not trusted."
        ),
        Setting(
            key: "time.tick_ms",
            kind: .integer(1...1_000, unit: "ms"),
            presence: .byDefault("10"),
            help: "One tick of the consensus clock."
        ),
        Setting(
            key: "time.heartbeat_ms",
            kind: .integer(1...10_000, unit: "ms"),
            presence: .byDefault("50"),
            help: "How often a leader is heard."
        ),
        Setting(
            key: "time.election_minimum_ms",
            kind: .integer(10...60_000, unit: "ms"),
            presence: .byDefault("300"),
            help: "The shortest silence after which a follower stands; above 3 heartbeats."
        ),
        Setting(
            key: "time.election_maximum_ms",
            kind: .integer(20...120_000, unit: "ms"),
            presence: .byDefault("600"),
            help: "The longest; each wait is drawn between the two."
        ),
        Setting(
            key: "limit.connections",
            kind: .integer(1...100_000, unit: "connections"),
            presence: .byDefault("2000"),
            help: "Connections of services and tenants; more are closed after their greeting."
        ),
        Setting(
            key: "limit.administration_connections",
            kind: .integer(1...10_000, unit: "connections"),
            presence: .byDefault("64"),
            help: "Connections of operators, which no client can use up."
        ),
        Setting(
            key: "limit.identity_connections",
            kind: .integer(1...100_000, unit: "connections"),
            presence: .byDefault("256"),
            help: "Connections of one identity, of either kind."
        ),
        Setting(
            key: "limit.connection_requests",
            kind: .integer(1...ProtocolLimits.maximumInFlightPerConnection, unit: "requests"),
            presence: .byDefault("\(ProtocolLimits.maximumInFlightPerConnection)"),
            help: "Requests on the way on one connection; more are refused as overloaded."
        ),
        Setting(
            key: "limit.tenant_requests",
            kind: .integer(1...65_536, unit: "requests"),
            presence: .byDefault("\(ProtocolLimits.maximumInFlightPerTenant)"),
            help: "Requests on the way for one tenant, or one caller for none; more are refused."
        ),
        Setting(
            key: "limit.queue_mib",
            kind: .integer(8...4_096, unit: "MiB"),
            presence: .byDefault("64"),
            help: "Requests and replies on the way; one tenant gets half of what is free."
        ),
        Setting(
            key: "limit.peer_queue_mib",
            kind: .integer(8...1_024, unit: "MiB"),
            presence: .byDefault("32"),
            help: "What waits to be sent to one peer; more is dropped and sent again later."
        ),
        Setting(
            key: "limit.reply_mib",
            kind: .integer(2...256, unit: "MiB"),
            presence: .byDefault("16"),
            help: "Replies that one client leaves unread before its connection is closed."
        ),
        Setting(
            key: "storage.cache_mib",
            kind: .integer(1...65_536, unit: "MiB"),
            presence: .byDefault("20"),
            help: "Memory for objects stored last and for pages of the state database."
        ),
        Setting(
            key: "storage.segment_mib",
            kind: .integer(16...1_024, unit: "MiB"),
            presence: .byDefault("64"),
            help: "The size of one journal file."
        ),
        Setting(
            key: "storage.reserve_mib",
            kind: .integer(0...65_536, unit: "MiB"),
            presence: .byDefault("512"),
            help: "Room kept for deleting and administration; below it what grows is refused."
        ),
        Setting(
            key: "snapshot.interval_mib",
            kind: .integer(1...65_536, unit: "MiB"),
            presence: .byDefault("256"),
            help: "Entries after which a snapshot is made, small ones counted as 1 KiB; "
                + "the journal keeps about twice as many."
        ),
        Setting(
            key: "snapshot.rate_mib_per_second",
            kind: .integer(1...4_096, unit: "MiB/s"),
            presence: .byDefault("64"),
            help: "The most that snapshots take of the network, to all peers together."
        ),
        Setting(
            key: "scrub.interval_hours",
            kind: .integer(0...8_760, unit: "h"),
            presence: .byDefault("24"),
            help: "How often journal and snapshots are read again to find rot; 0 is never."
        ),
        Setting(
            key: "scrub.rate_mib_per_second",
            kind: .integer(1...4_096, unit: "MiB/s"),
            presence: .byDefault("8"),
            help: "The most that this reads from the disk."
        ),
        Setting(
            key: "threads.client",
            kind: .integer(1...64, unit: "threads"),
            presence: .byDefault("1"),
            help: "Threads that serve clients; one is enough for two cores."
        ),
        Setting(
            key: "log.level",
            kind: .choice(["trace", "debug", "info", "notice", "warning", "error", "critical"]),
            presence: .byDefault("info"),
            help: "The least important lines of the log on standard error."
        ),
    ]

    /// The setting with this key.
    static func setting(_ key: String) -> Setting? { table.first { $0.key == key } }
}
