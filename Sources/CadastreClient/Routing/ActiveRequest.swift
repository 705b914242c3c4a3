package import CadastreProtocol
internal import NIOCore

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
        /// For a delay to pass, or on its way from one place to the next.
        case waiting
        /// For a slot of the session or for a connection.
        case queued(RequestQueue)
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

    /// Appends the request's frames, with what is left of its deadline.
    func append(to output: inout [UInt8], tenant: [UInt8], now: NIODeadline) {
        let left = max(1, (deadline - now).nanoseconds / 1_000_000)
        let head = RequestMessage.Head(
            consistency: submission.freshness.wire,
            identity: identity,
            tenant: tenant.isEmpty ? nil : tenant,
            deadlineMilliseconds: UInt32(
                clamping: min(left, Int64(ProtocolLimits.maximumDeadlineMilliseconds))
            )
        )
        Frame.append(.request, group: 0, requestID: id, to: &output) { output in
            head.append(for: submission.requestKind, to: &output)
            output.append(contentsOf: submission.bytes)
        }
    }
}

extension Freshness {
    /// As the protocol has it.
    fileprivate var wire: Consistency {
        switch self {
        case .linearizable: .linearizable
        case .atLeast(let index): .atLeast(index: min(index, ProtocolLimits.maximumQuantity))
        case .bounded(let milliseconds):
            .bounded(milliseconds: min(milliseconds, ProtocolLimits.maximumQuantity))
        case .any: .any
        }
    }
}
