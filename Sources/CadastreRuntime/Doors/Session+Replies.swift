internal import CadastreNode
internal import CadastreProtocol
internal import CoreMetrics
internal import Metrics
internal import RaftCore

/// What a client is told, on its way out.
extension Session {
    /// Answers a request with what a stage said; nothing if the client was answered before.
    func answer(_ reply: OutgoingReply) {
        guard let request = requests.remove(reply.key.request) else { return }
        release(request)
        record(request, NodeMetrics.OutcomeLabel(reply.content))
        if case .refused(let refusal, _) = reply.content {
            context.metrics.refusals[refusal]?.increment()
        } else if case .command(let result) = reply.content, let refusal = result.refusal {
            context.metrics.refusals[refusal]?.increment()
        }
        writer.append(reply, to: request.clientID, &output)
    }

    /// Answers an administration request.
    func answer(_ key: UInt64, _ answer: AdministrationAnswer, appliedIndex: UInt64) {
        guard let request = requests.remove(key) else { return }
        release(request)
        record(request, .done)
        writer.append(
            ReplyMessage(outcome: .done(.administration(answer)), appliedIndex: appliedIndex),
            to: request.clientID,
            &output
        )
        flush()
    }

    /// Refuses a request that was counted in.
    func finish(_ key: UInt64, _ refusal: Refusal, _ detail: String) {
        guard let request = requests.remove(key) else { return }
        release(request)
        refuse(request.clientID, refusal, detail)
    }

    /// Refuses a request that is not, or no longer, counted in.
    func refuse(
        _ requestID: UInt64,
        _ refusal: Refusal,
        _ detail: String,
        leader: NodeID = .none
    ) {
        context.metrics.replies[.refused]?.increment()
        context.metrics.refusals[refusal]?.increment()
        writer.append(refusal, detail, leader: leader, to: requestID, &output)
    }

    /// Counts a request out.
    func release(_ request: OpenRequest) {
        desk.admission.release(request.tenant, size: request.size)
    }

    /// Counts an outcome and how long it took.
    func record(_ request: OpenRequest, _ outcome: NodeMetrics.OutcomeLabel) {
        context.metrics.replies[outcome]?.increment()
        context.metrics.requestSeconds[.init(request.kind)]?.recordNanoseconds(
            Clock.monotonic - request.received
        )
    }
}
