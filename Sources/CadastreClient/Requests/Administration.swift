internal import CadastreProtocol

/// How a node is.
public struct NodeStatus: Sendable, Hashable {
    /// What a leader knows of a peer.
    public struct Peer: Sendable, Hashable {
        /// Which node.
        public var node: UInt64
        /// The highest index known durable there.
        public var matchIndex: UInt64
        /// The next index to send.
        public var nextIndex: UInt64
        /// probing, replicating or snapshotting.
        public var state: String
        /// Whether there is a connection.
        public var isConnected: Bool
    }

    /// What a node has of snapshots, and of looking after its files; counts are since its start.
    public struct Snapshots: Sendable, Hashable {
        /// The last entry in the newest snapshot; 0 where there is none.
        public var newestIndex: UInt64 = 0
        /// Bytes of it as it is kept.
        public var newestBytes: UInt64 = 0
        /// Cluster time in it, in milliseconds since 1970.
        public var newestTimeMilliseconds: UInt64 = 0
        /// Bytes of the one that is being fetched; 0 where none is, or its size is not known yet.
        public var receivingBytes: UInt64 = 0
        /// How many of them are here.
        public var receivedBytes: UInt64 = 0
        /// Bytes of journal and snapshots that were read again to find rot.
        public var scrubbedBytes: UInt64 = 0
        /// How often all of them were.
        public var scrubs: UInt64 = 0
        /// When they were last, in milliseconds since 1970; 0 if not since the start.
        public var lastScrubMilliseconds: UInt64 = 0
        /// Damages that were found so.
        public var damagesFound: UInt64 = 0

        /// Nothing.
        public init() {}
    }

    /// The node's id.
    public var node: UInt64
    /// The cluster, as hexadecimal digits.
    public var cluster: String
    /// follower, preCandidate, candidate or leader.
    public var role: String
    /// The term it is in.
    public var term: UInt64
    /// The leader it knows; 0 for none.
    public var leader: UInt64
    /// The highest index known durable on a quorum.
    public var commitIndex: UInt64
    /// The highest index given to the state machine.
    public var appliedIndex: UInt64
    /// The highest index of its log.
    public var lastIndex: UInt64
    /// The highest index durable on its disk.
    public var persistedIndex: UInt64
    /// Milliseconds since 1970.
    public var clusterTimeMilliseconds: UInt64
    /// Where it stands.
    public var site: String
    /// The program's version.
    public var version: String
    /// What it may propose.
    public var featureLevel: UInt32
    /// Since its start.
    public var uptimeMilliseconds: UInt64
    /// Memory.
    public var residentBytes: UInt64
    /// User and system time of the process.
    public var processorMilliseconds: UInt64
    /// Appended to the journal since its start.
    public var journalBytes: UInt64
    /// Calls of fdatasync since its start.
    public var fsyncs: UInt64
    /// Entries written since its start.
    public var entriesWritten: UInt64
    /// Commands applied since its start.
    public var commandsApplied: UInt64
    /// Objects stored.
    public var objects: UInt64
    /// Only of a leader.
    public var peers: [Peer]
    /// Of the state, as kept while applying.
    public var digest: [UInt8]
    /// The node as it would be taken in as a member; nil of an older one.
    public var own: Member?
    /// What it has of snapshots, and of looking after its files.
    public var snapshots = Snapshots()
}

/// A member as the configuration entry describes it.
public struct Member: Sendable, Hashable {
    /// Its id.
    public var node: UInt64
    /// voter, learner or witness.
    public var role: String
    /// Where it stands.
    public var site: String
    /// For peers.
    public var peerAddress: String
    /// For clients.
    public var clientAddress: String
    /// For administration.
    public var administrationAddress: String
    /// Which life of its disk, 32 hexadecimal digits; empty of an older node.
    public var incarnation: String

    /// Describes a member.
    public init(
        node: UInt64,
        role: String,
        site: String,
        peerAddress: String,
        clientAddress: String,
        administrationAddress: String,
        incarnation: String
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

/// All members, and who leads.
public struct Members: Sendable, Hashable {
    /// Ascending by id.
    public var members: [Member]
    /// 0 if it is not known.
    public var leader: UInt64
}

/// A digest of a node's state at one index.
public struct StateDigest: Sendable, Hashable {
    /// Where.
    public var appliedIndex: UInt64
    /// Kept while commands were applied.
    public var kept: [UInt8]
    /// Computed from the rows just now.
    public var computed: [UInt8]
    /// The number of rows.
    public var rows: UInt64
}

/// Asks a node how it is.
public struct GetStatus: ClientAdministration {
    /// Makes the request.
    public init() {}

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(.administration(.status))
    }
    /// Reads the answer.
    ///
    /// - Throws: ``UnreadableReply`` if it is not an answer to this.
    public static func value(of reply: EncodedReply) throws(UnreadableReply) -> NodeStatus {
        guard case .administration(.status(let status)) = reply.content else {
            throw UnreadableReply("the answer is no status")
        }
        return NodeStatus(status)
    }
}

/// Asks a node for the members.
public struct GetMembers: ClientAdministration {
    /// Makes the request.
    public init() {}

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(.administration(.members))
    }
    /// Reads the answer.
    ///
    /// - Throws: ``UnreadableReply`` if it is not an answer to this.
    public static func value(of reply: EncodedReply) throws(UnreadableReply) -> Members {
        guard case .administration(.members(let members, let leader)) = reply.content else {
            throw UnreadableReply("the answer is no list of members")
        }
        return Members(
            members: members.map { Member($0) }.sorted { $0.node < $1.node },
            leader: leader
        )
    }
}

/// Asks the leader to hand leadership over; done as well where the chosen node leads already.
///
/// Yields the id of the node that leads now. Unknown where the request was sent and no answer came:
/// ask for the status of the nodes before deciding to repeat it.
public struct TransferLeadership: ClientAdministration {
    /// To which node; nil lets the leader choose the voter that is furthest.
    public var node: UInt64?

    /// Makes the request.
    public init(to node: UInt64? = nil) { self.node = node }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(.administration(.transferLeadership(to: node)))
    }
    /// Reads the answer.
    ///
    /// - Throws: ``UnreadableReply`` if it is not an answer to this.
    public static func value(of reply: EncodedReply) throws(UnreadableReply) -> UInt64 {
        guard case .administration(.leadershipTransferred(let leader)) = reply.content else {
            throw UnreadableReply("the answer is no transfer of leadership")
        }
        return leader
    }
}

/// Asks a node to recompute its digest, at the first applied index at or above this one.
public struct ComputeDigest: ClientAdministration {
    /// The lowest index.
    public var index: UInt64

    /// Makes the request.
    public init(atLeast index: UInt64) { self.index = index }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(.administration(.computeDigest(atLeastIndex: index)))
    }
    /// Reads the answer.
    ///
    /// - Throws: ``UnreadableReply`` if it is not an answer to this.
    public static func value(of reply: EncodedReply) throws(UnreadableReply) -> StateDigest {
        guard case .administration(.digest(let report)) = reply.content else {
            throw UnreadableReply("the answer is no digest")
        }
        return StateDigest(report)
    }
}

extension NodeStatus {
    init(_ status: CadastreProtocol.NodeStatus) {
        self.init(
            node: status.node,
            cluster: status.cluster,
            role: status.role,
            term: status.term,
            leader: status.leader,
            commitIndex: status.commitIndex,
            appliedIndex: status.appliedIndex,
            lastIndex: status.lastIndex,
            persistedIndex: status.persistedIndex,
            clusterTimeMilliseconds: status.clusterTimeMilliseconds,
            site: status.site,
            version: status.version,
            featureLevel: status.featureLevel,
            uptimeMilliseconds: status.uptimeMilliseconds,
            residentBytes: status.residentBytes,
            processorMilliseconds: status.cpuMilliseconds,
            journalBytes: status.journalBytes,
            fsyncs: status.fsyncs,
            entriesWritten: status.entriesWritten,
            commandsApplied: status.commandsApplied,
            objects: status.objects,
            peers: status.peers.map { peer in
                Peer(
                    node: peer.node,
                    matchIndex: peer.matchIndex,
                    nextIndex: peer.nextIndex,
                    state: peer.state,
                    isConnected: peer.isConnected
                )
            },
            digest: status.digest,
            own: status.own.map { Member($0) },
            snapshots: Snapshots(status.snapshots)
        )
    }
}

extension NodeStatus.Snapshots {
    init(_ status: CadastreProtocol.SnapshotStatus) {
        self.init()
        newestIndex = status.newestIndex
        newestBytes = status.newestBytes
        newestTimeMilliseconds = status.newestTimeMilliseconds
        receivingBytes = status.receivingBytes
        receivedBytes = status.receivedBytes
        scrubbedBytes = status.scrubbedBytes
        scrubs = status.scrubs
        lastScrubMilliseconds = status.lastScrubMilliseconds
        damagesFound = status.damagesFound
    }
}

extension Member {
    init(_ member: CadastreProtocol.MemberDescription) {
        self.init(
            node: member.node,
            role: member.role,
            site: member.site,
            peerAddress: member.peerAddress,
            clientAddress: member.clientAddress,
            administrationAddress: member.administrationAddress,
            incarnation: member.incarnation
        )
    }
}

extension StateDigest {
    init(_ report: CadastreProtocol.DigestReport) {
        self.init(
            appliedIndex: report.appliedIndex,
            kept: report.kept,
            computed: report.computed,
            rows: report.rows
        )
    }
}
