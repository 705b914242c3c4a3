package import CadastreProtocol

/// Which node a request is for.
package enum Route: Sendable, Hashable {
    /// The leader, wherever it is.
    case leader
    /// The first endpoint of the configuration that can be reached.
    case nearest
    /// This node, leader or not.
    case node(Endpoint)
}

/// What a caller asks of the router.
package struct Submission: Sendable {
    /// What the bytes are.
    package enum Kind: Sendable, Hashable {
        /// A change, recognised by a slot of the session.
        case command
        /// A change that is harmless to make twice, recognised by nothing; the router's own.
        case repeatableCommand
        /// A question to the state.
        case query
        /// A question to a node.
        case administration
    }

    package let kind: Kind
    package let requestKind: RequestKind
    /// The content as it is sent.
    package let bytes: [UInt8]
    /// Where it is a question to a node: which.
    private let administration: AdministrationRequest?
    package var route: Route = .leader
    package var freshness: Freshness = .linearizable
    /// Nil is the configuration's.
    package var deadline: Duration?

    /// Makes a submission; what is not given here can be set.
    ///
    /// Encodes the content, some hundred nanoseconds for a usual one, and keeps nothing else: what
    /// waits is counted by these bytes.
    package init(_ kind: Kind, _ request: EncodedRequest) {
        self.kind = kind
        requestKind = request.content.kind
        if case .administration(let asked) = request.content {
            administration = asked
        } else {
            administration = nil
        }
        let encoded = request.content.encode()
        // A large one in no more memory than that, where it grew to more: of a small one the rest is
        // less than what else is kept of a request.
        let isLoose = encoded.capacity - encoded.count > max(1_024, encoded.count / 4)
        bytes = isLoose ? encoded.span.copy(encoded.indices) : encoded
    }
}

extension Submission {
    /// What is asked, read from its bytes.
    ///
    /// - Throws: what a node would refuse it with.
    package var content: RequestContent {
        get throws(ProtocolError) { try RequestContent(requestKind, decoding: bytes.span) }
    }

    /// Bytes of the content as it is sent.
    var size: Int { bytes.count }

    /// The size at which a node would refuse it.
    var maximumSize: Int {
        switch requestKind {
        case .command: ProtocolLimits.maximumCommandSize
        case .query: ProtocolLimits.maximumQuerySize
        case .administration: ProtocolLimits.maximumAdministrationSize
        }
    }

    /// Whether it can have changed something once it was sent.
    var changesState: Bool {
        switch administration {
        case nil: requestKind == .command
        case .transferLeadership, .changeMembers(_, isDryRun: false),
            .setPolicy(_, isDryRun: false):
            true
        case .status, .members, .computeDigest, .changeMembers(_, isDryRun: true), .policy,
            .setPolicy(_, isDryRun: true):
            false
        }
    }

    /// Whether it may be sent again after an attempt whose fate nobody knows.
    ///
    /// Not so a transfer to whichever node is furthest: the second would move leadership on from
    /// where the first has brought it.
    var isRepeatable: Bool {
        if case .transferLeadership(to: nil) = administration { false } else { true }
    }

    /// Whether a node that is well answers within a moment, so that its silence is a bad sign.
    ///
    /// A hand-over takes up to two election timeouts, a digest as long as reading every row, and a
    /// change of members as long as its voters need to agree twice. A session that is opened again
    /// while the first is only slow leaves one behind that nobody closes for a day.
    var isPrompt: Bool {
        if kind == .repeatableCommand { return false }
        return switch administration {
        case nil, .status, .members, .policy: true
        case .transferLeadership, .computeDigest, .changeMembers, .setPolicy: false
        }
    }

    /// The node that it wants to lead.
    var successor: UInt64? {
        if case .transferLeadership(let node) = administration { node } else { nil }
    }
}
