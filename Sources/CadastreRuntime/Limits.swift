internal import CadastreProtocol
internal import NIOCore

/// Every bound of the runtime that is no setting, with its reason.
///
/// Moments and spans without a unit in their type are nanoseconds of the monotonic clock.
enum RuntimeLimits {
    // MARK: Any connection

    /// From the end of the TLS handshake to the other end's whole greeting: a few round trips.
    static let greetingTimeout = TimeAmount.seconds(5)
    /// From a message's first byte to its last: 4 MiB in this time are 140 kB/s.
    static let messageTimeout: UInt64 = 30_000_000_000
    /// How often a standing connection's certificate is judged again: a revocation takes effect
    /// within this time even if nobody reloads.
    static let judgementInterval: UInt64 = 60_000_000_000
    /// Judgements in one sweep: each costs a signature, some 0.1 ms, and the loop has other work.
    static let judgementsPerSweep = 16
    /// A silent connection is asked for a sign of life after this many seconds.
    static let keepaliveIdleSeconds = 30
    /// It is asked again after this many.
    static let keepaliveIntervalSeconds = 10
    /// It is given up after this many questions without an answer.
    static let keepaliveQuestions = 3

    // MARK: Clients

    /// Connections to one listener that have not greeted yet: each costs memory and a handshake
    /// before anybody is known.
    ///
    /// Past it the oldest is closed: an honest one is done by then.
    static let strangersPerListener = 256
    /// How long a client may leave its replies unread.
    static let slowReaderTimeout: UInt64 = 30_000_000_000
    /// How long a connection may stand without a request.
    static let idleTimeout: UInt64 = 15 * 60_000_000_000
    /// A client's kernel that acknowledges nothing for so many milliseconds is gone.
    static let clientUserTimeoutMilliseconds: Int = 30_000
    /// Replies written in one go: what is written gives its room back when the socket has taken it.
    static let replySliceSize = 256 << 10
    /// The most bytes of a write for which a loop keeps a buffer.
    static let keptBufferSize = 32 << 10
    /// When reading from a client pauses and goes on.
    static let clientWaterMark = ChannelOptions.Types.WriteBufferWaterMark(
        low: 256 << 10,
        high: 1 << 20
    )
    /// What a connection may hold of unfinished messages without being charged: what a read of the
    /// socket leaves over.
    static let freeUnfinishedSize = 16 << 10
    /// How often deadlines are looked at.
    static let sweepInterval = TimeAmount.milliseconds(50)
    /// From the first byte to the end of an HTTP answer.
    static let httpTimeout = TimeAmount.seconds(10)
    /// The largest HTTP request; ours have a line and a few headers.
    static let maximumHTTPRequestSize = 64 << 10

    // MARK: Requests

    /// What a request costs in memory beside its bytes: its places in tables and queues.
    static let requestOverhead = 512
    /// What each further operation of a batch costs in memory beside its bytes, while it is decoded.
    static let operationOverhead = 256
    /// Of a node's bytes for requests, the part that only operators may use.
    static let operatorsShare = 8
    /// The consensus stage refuses a waiting command at its deadline itself, and is certain; only
    /// after this time the door gives it up as unknown.
    static let requestGrace: UInt64 = 100_000_000
    /// How long after its deadline a request that nobody waits for keeps its charge, if no stage
    /// lets go of it: a block that a cut-off leader has proposed is decided by nobody.
    static let abandonedTimeout: UInt64 = 60_000_000_000
    /// A read may wait for an index so far ahead of what is applied here: some seconds of a busy
    /// cluster.
    ///
    /// Another node may be nearer.
    static let maximumIndexLookahead: UInt64 = 65_536
    /// The advice to who finds no room, in milliseconds.
    static let overloadedWaitMilliseconds: ClosedRange<UInt64> = 10...2_000

    // MARK: Peers

    /// Connections to the peers' listener that have not greeted yet.
    static let peerStrangers = 64
    /// Bytes that the peer's kernel has not acknowledged for so many milliseconds mean that the way
    /// is cut: TCP alone would wait for minutes, and after a long cut notice its end late.
    static let peerUserTimeoutMilliseconds: Int = 3_000
    /// Small, so that urgent messages wait behind little.
    static let peerWaterMark = ChannelOptions.Types.WriteBufferWaterMark(
        low: 128 << 10,
        high: 256 << 10
    )
    /// The most bytes of urgent messages that wait for one peer: thousands, each without entries.
    static let maximumUrgentSize = 512 << 10
    /// The first wait before a peer is dialled again and the longest, in milliseconds.
    static let redialMilliseconds = 50...1_000
    /// A connection that stood so long was good: the next attempt need not wait.
    static let goodConnection: UInt64 = 1_000_000_000
    /// A refusal that comes so long after such a connection broke says nothing of why it broke.
    static let goneAfterBreak: UInt64 = 1_000_000_000
    /// A peer that broke the protocol so often in a row is left alone for a while.
    static let faultsUntilQuarantine = 3
    /// How long that is.
    ///
    /// A connection that stood longer before its fault begins the row anew.
    static let quarantine: UInt64 = 10_000_000_000
    /// How often the peers' connections are looked at.
    static let peerSweepInterval = TimeAmount.seconds(1)

    // MARK: The stages

    /// A stage that had no room is asked again after so many milliseconds.
    static let stageRetryMilliseconds = 100
    /// A stop waits so long for what is on the way, and as long for the hand-over before it.
    static let stopMilliseconds = 2_000
    /// The journal ends with one more write.
    static let journalEndMilliseconds = 10_000
    /// The state ends with a commit and a checkpoint.
    static let stateEndMilliseconds = 60_000

    // MARK: The process

    /// The most members that a cluster is founded with.
    static let maximumMembers = 15

    /// Files that a node has open beside its clients' connections and its strangers: journal
    /// segments, SQLite, peers, event loops, the log.
    static let otherOpenFiles = 128
    /// The most bytes of a configuration file.
    static let maximumConfigurationSize = 1 << 20
    /// The most objects and arrays inside each other in it.
    static let maximumConfigurationDepth = 16
    /// Bytes of log lines that wait for standard error; past it lines are dropped and counted.
    static let maximumLogBacklogSize = 1 << 20
    /// The most label sets of one family of metrics: a label must never hold what a client chooses.
    static let maximumLabelSets = 256
    /// Lines about refused connections in one second.
    static let refusalLinesPerSecond = 5
}
