package import CadastreProtocol
internal import NIOCore

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
        /// A change that is harmless to make twice, recognised by nothing.
        case repeatableCommand
        /// A question to the state.
        case query
        /// A question to a node.
        case administration
    }

    package var kind: Kind
    package var content: RequestContent
    package var route: Route = .leader
    package var freshness: Freshness = .linearizable
    /// Nil is the configuration's.
    package var deadline: Duration?

    /// Makes a submission; what is not given here can be set.
    package init(_ kind: Kind, _ request: EncodedRequest) {
        self.kind = kind
        content = request.content
    }
}

/// What became of a submission, before its reply is read.
package enum RawOutcome: Sendable {
    /// What came of it, and the index that the node had applied.
    case done(ReplyContent, appliedIndex: UInt64)
    case refused(Refused)
    case unknown(String)
}

/// One request from its submission to its outcome, over however many attempts.
///
/// Lives on the router's event loop alone.
final class ActiveRequest {
    enum Place {
        /// For a slot of the session, for a connection, or for a delay to pass.
        case waiting
        case sent(RequestConnection)
        case finished
    }

    let id: UInt64
    var submission: Submission
    let deadline: NIODeadline
    let completion: (RawOutcome) -> Void

    var place = Place.waiting
    var identity = RequestIdentity.none
    /// The session's slot that it holds.
    var slot: SessionPool.Lease?
    var attemptCount = 0
    /// An earlier attempt may have happened or may still happen.
    var isUnresolved = false
    /// The last thing that kept it from being done, for people.
    var lastObstacle: Refused?

    init(
        id: UInt64,
        _ submission: Submission,
        deadline: NIODeadline,
        completion: @escaping (RawOutcome) -> Void
    ) {
        self.id = id
        self.submission = submission
        self.deadline = deadline
        self.completion = completion
    }

    var isFinished: Bool {
        if case .finished = place { true } else { false }
    }

    var isSent: Bool {
        if case .sent = place { true } else { false }
    }

    /// Whether it can have changed something once it was sent.
    var changesState: Bool {
        switch submission.kind {
        case .command, .repeatableCommand: true
        case .query: false
        // A transfer of leadership changes who leads and nothing that is stored.
        case .administration: false
        }
    }

    /// Appends the request's frames, with what is left of its deadline.
    func append(to output: inout [UInt8], tenant: [UInt8], now: NIODeadline) {
        let left = max(1, (deadline - now).nanoseconds / 1_000_000)
        let message = RequestMessage(
            consistency: submission.freshness.wire,
            identity: identity,
            tenant: tenant.isEmpty ? nil : tenant,
            deadlineMilliseconds: UInt32(
                clamping: min(left, Int64(ProtocolLimits.maximumDeadlineMilliseconds))
            ),
            content: submission.content
        )
        Frame.append(.request, group: 0, requestID: id, to: &output) { message.append(to: &$0) }
    }
}

extension Freshness {
    /// As the protocol has it.
    fileprivate var wire: Consistency {
        switch self {
        case .linearizable: .linearizable
        case .atLeast(let index): .atLeast(index: min(index, ProtocolLimits.maximumQuantity))
        case .any: .any
        }
    }
}
