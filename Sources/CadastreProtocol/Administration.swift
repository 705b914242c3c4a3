package import RaftCore

/// What an operator asks of one node, outside the log.
package enum AdministrationRequest: Hashable, Sendable {
    /// How the node is.
    case status
    /// Who belongs to the group.
    case members
    /// Hand leadership over; nil: to the voter that is furthest.
    case transferLeadership(to: UInt64?)
    /// Recompute the digest from the rows, at the first applied index at or above this one.
    case computeDigest(atLeastIndex: UInt64)
    /// Change the members, or only say what would be done.
    case changeMembers(MemberChange, isDryRun: Bool)
    /// Which sites the group may use, and how.
    case policy
    /// Put another policy in force, or only say what would be done.
    case setPolicy(PolicyChange, isDryRun: Bool)
}

/// What the node answers.
package enum AdministrationAnswer: Hashable, Sendable {
    /// To ``AdministrationRequest/status``.
    case status(NodeStatus)
    /// To ``AdministrationRequest/members``; `leader` is 0 where it is not known.
    case members([MemberDescription], leader: UInt64)
    /// To ``AdministrationRequest/transferLeadership(to:)``: who leads now.
    case leadershipTransferred(leader: UInt64)
    /// To ``AdministrationRequest/computeDigest(atLeastIndex:)``.
    case digest(DigestReport)
    /// To ``AdministrationRequest/changeMembers(_:isDryRun:)``: what was done, or would be.
    case memberPlan(MemberPlan)
    /// To ``AdministrationRequest/policy``.
    case policy(Policy)
    /// To ``AdministrationRequest/setPolicy(_:isDryRun:)``: what was done, or would be.
    case policyPlan(PolicyPlan)
}

/// How a node is.
package struct NodeStatus: Hashable, Sendable {
    /// The node's number.
    package var node: UInt64 = 0
    /// The cluster, as hexadecimal digits.
    package var cluster: String = ""
    /// Follower, preCandidate, candidate or leader.
    package var role: String = ""
    /// Its term.
    package var term: UInt64 = 0
    /// Who leads; 0 = unknown.
    package var leader: UInt64 = 0
    /// Highest index known to be committed.
    package var commitIndex: UInt64 = 0
    /// Highest index applied.
    package var appliedIndex: UInt64 = 0
    /// Last index in the log.
    package var lastIndex: UInt64 = 0
    /// Last index that is durable here.
    package var persistedIndex: UInt64 = 0
    /// Cluster time.
    package var clusterTimeMilliseconds: UInt64 = 0
    /// The site, as the certificate says.
    package var site: String = ""
    /// Version of the program.
    package var version: String = ""
    /// Feature level of the build.
    package var featureLevel: UInt32 = 0
    /// Since the process started.
    package var uptimeMilliseconds: UInt64 = 0
    /// Resident memory.
    package var residentBytes: UInt64 = 0
    /// CPU used since the process started.
    package var cpuMilliseconds: UInt64 = 0
    /// Bytes appended to the journal since the process started.
    package var journalBytes: UInt64 = 0
    /// Syncs of the journal since the process started.
    package var fsyncs: UInt64 = 0
    /// Entries written since the process started.
    package var entriesWritten: UInt64 = 0
    /// Commands applied since the process started.
    package var commandsApplied: UInt64 = 0
    /// Objects registered.
    package var objects: UInt64 = 0
    /// The others, ascending: whether there is a connection, and what a leader knows of them.
    package var peers: [PeerStatus] = []
    /// Of the state at `appliedIndex`.
    package var digest: [UInt8] = []
    /// The node as it would be taken in as a member; nil from a node that does not say.
    package var own: MemberDescription?
    /// What it has of snapshots, and of looking after its files.
    package var snapshots = SnapshotStatus()

    /// An empty status, to be filled field by field.
    package init() {}
}

/// What a node has of snapshots, and of looking after its files; counts are since its start.
package struct SnapshotStatus: Hashable, Sendable {
    /// The last entry in the newest snapshot; 0 where there is none.
    package var newestIndex: UInt64 = 0
    /// Bytes of it as it is kept.
    package var newestBytes: UInt64 = 0
    /// Cluster time in it, in milliseconds since 1970.
    package var newestTimeMilliseconds: UInt64 = 0
    /// Bytes of the one that is being fetched; 0 where none is, or its size is not known yet.
    package var receivingBytes: UInt64 = 0
    /// How many of them are here.
    package var receivedBytes: UInt64 = 0
    /// Bytes of journal and snapshots that were read again to find rot.
    package var scrubbedBytes: UInt64 = 0
    /// How often all of them were.
    package var scrubs: UInt64 = 0
    /// When they were last, in milliseconds since 1970; 0 if not since the start.
    package var lastScrubMilliseconds: UInt64 = 0
    /// Damages that were found so.
    package var damagesFound: UInt64 = 0

    /// Nothing.
    package init() {}
}

/// What a leader knows of a peer.
package struct PeerStatus: Hashable, Sendable {
    /// The peer's number.
    package var node: UInt64
    /// Highest index known to be durable there.
    package var matchIndex: UInt64
    /// Next index to send.
    package var nextIndex: UInt64
    /// Probing, replicating or snapshotting.
    package var state: String
    /// There is a connection.
    package var isConnected: Bool

    /// Composes a status.
    package init(
        node: UInt64,
        matchIndex: UInt64,
        nextIndex: UInt64,
        state: String,
        isConnected: Bool
    ) {
        self.node = node
        self.matchIndex = matchIndex
        self.nextIndex = nextIndex
        self.state = state
        self.isConnected = isConnected
    }
}

/// One member of a group.
package struct MemberDescription: Hashable, Sendable {
    /// Its number.
    package var node: UInt64
    /// Voter or learner.
    package var role: String
    /// Its site.
    package var site: String
    /// Where it listens for peers, `host:port`.
    package var peerAddress: String
    /// Where it listens for clients.
    package var clientAddress: String
    /// Where it listens for operators.
    package var administrationAddress: String
    /// Which life of its disk, 32 hexadecimal digits; empty where that is not said.
    package var incarnation: String

    /// Composes a description.
    package init(
        node: UInt64,
        role: String,
        site: String,
        peerAddress: String,
        clientAddress: String,
        administrationAddress: String,
        incarnation: String = ""
    ) {
        self.node = node
        self.role = role
        self.site = site
        self.peerAddress = peerAddress
        self.clientAddress = clientAddress
        self.administrationAddress = administrationAddress
        self.incarnation = incarnation
    }
}

/// The digest of the state, twice.
package struct DigestReport: Hashable, Sendable {
    /// At which index.
    package var appliedIndex: UInt64
    /// Kept while commands were applied.
    package var kept: [UInt8]
    /// Computed from the rows just now.
    package var computed: [UInt8]
    /// How many rows there are.
    package var rows: UInt64

    /// Composes a report.
    package init(appliedIndex: UInt64, kept: [UInt8], computed: [UInt8], rows: UInt64) {
        self.appliedIndex = appliedIndex
        self.kept = kept
        self.computed = computed
        self.rows = rows
    }
}
