internal import CadastreNode
internal import CadastreProtocol
internal import CoreMetrics
internal import Metrics
internal import NIOCore
internal import RaftCore

/// What a client is told, on its way out.
extension Session {
    /// Answers a request with what a stage said.
    ///
    /// - Returns: False if nobody waits for it here any more.
    func answer(_ reply: OutgoingReply) -> Bool {
        guard let request = requests.remove(reply.key.request) else { return false }
        record(request, NodeMetrics.OutcomeLabel(reply.content))
        if case .refused(let refusal, _) = reply.content {
            context.metrics.refusals[refusal]?.increment()
        } else if case .command(let result) = reply.content, let refusal = result.refusal {
            context.metrics.refusals[refusal]?.increment()
        }
        settle(request) {
            writer.append(reply, to: request.clientID, desk.retryAdvice, &$0)
        }
        return true
    }

    /// Answers an administration request.
    ///
    /// - Returns: False if nobody waits for it here any more.
    func answer(_ key: UInt64, _ answer: AdministrationAnswer, appliedIndex: UInt64) -> Bool {
        guard let request = requests.remove(key) else { return false }
        record(request, .done)
        settle(request) {
            writer.append(
                ReplyMessage(outcome: .done(.administration(answer)), appliedIndex: appliedIndex),
                to: request.clientID,
                &$0
            )
        }
        flush()
        return true
    }

    /// Refuses a request that was counted in and goes no further.
    func finish(_ key: UInt64, _ refusal: Refusal, _ detail: String) {
        guard let request = requests.remove(key) else { return }
        desk.admission.release(request.share, size: request.size)
        refuse(request.clientID, refusal, detail, share: request.share)
    }

    /// Refuses a request that is not, or no longer, counted in.
    func refuse(
        _ requestID: UInt64,
        _ refusal: Refusal,
        _ detail: String,
        leader: NodeID = .none,
        share: Share? = nil
    ) {
        context.metrics.replies[.refused].increment()
        context.metrics.refusals[refusal]?.increment()
        say(for: share ?? ownShare) {
            writer.append(
                refusal,
                detail,
                leader: leader,
                to: requestID,
                desk.retryAdvice,
                &$0
            )
        }
    }

    /// Tells the client that nothing new is taken.
    func sayGoodbye() {
        guard case .open = phase else { return }
        say(for: ownShare) {
            Frame.append(.goodbye, group: 0, requestID: 0, body: [], to: &$0)
        }
        flush()
    }

    /// Gives up a request past its deadline; the stages may still work on it.
    func giveUp(_ key: UInt64, _ request: OpenRequest) {
        desk.abandon(RequestKey(connection: number, request: key), request)
        switch request.whenLate {
        case .unknown:
            record(request, .unknown)
            say(for: request.share) {
                writer.append(ReplyMessage(outcome: .unknown), to: request.clientID, &$0)
            }
        case .refused:
            refuse(
                request.clientID,
                .deadlinePassed,
                "no answer came in time",
                share: request.share
            )
        }
        desk.touch(self)
    }

    /// The share of what the client does for nobody in particular.
    var ownShare: Share {
        guard let entrant else {
            preconditionFailure("a connection of which nobody knows whose it is has no share")
        }
        return entrant.share
    }

    /// Counts an outcome and how long it took.
    private func record(_ request: OpenRequest, _ outcome: NodeMetrics.OutcomeLabel) {
        let duration = Clock.monotonic - request.received
        desk.pace.answered(after: duration)
        context.metrics.replies[outcome].increment()
        context.metrics.requestSeconds[.init(request.kind)].recordNanoseconds(duration)
    }

    /// Gives back what a request was charged, and charges the reply instead until it has left.
    private func settle(_ request: OpenRequest, _ write: (inout [UInt8]) -> Void) {
        desk.admission.release(request.share, size: request.size)
        say(for: request.share, write)
    }

    /// Adds frames to what leaves with the next flush, and charges their bytes until they have left.
    private func say(for share: Share, _ write: (inout [UInt8]) -> Void) {
        let before = output.count
        write(&output)
        desk.admission.keep(share, size: output.count - before)
        unsent.append(share, size: output.count - before)
    }

    // MARK: To the socket

    /// Writes what has gathered.
    func flush() {
        guard let channel, !output.isEmpty else {
            closeIfFinished()
            return
        }
        if stalledSince == nil { stalledSince = Clock.monotonic }
        // Taken out: a write may end the connection, and so empty `output`.
        var bytes: [UInt8] = []
        swap(&bytes, &output)
        var start = 0
        while start < bytes.count {
            let end = min(start + RuntimeLimits.replySliceSize, bytes.count)
            write(bytes[start..<end], to: channel)
            start = end
        }
        if output.isEmpty, bytes.count <= 64 << 10 {
            bytes.removeAll(keepingCapacity: true)
            swap(&bytes, &output)
        }
        if !channel.isWritable { setReading(channel, isPaused: true) }
        guard unsent.size <= context.bounds.replySize else {
            closeFaulty("replies were not read")
            return
        }
        closeIfFinished()
    }

    private func write(_ slice: ArraySlice<UInt8>, to channel: any Channel) {
        let promise = channel.eventLoop.makePromise(of: Void.self)
        promise.futureResult.assumeIsolated().whenComplete { _ in self.sent(slice.count) }
        desk.withBuffer(slice) { channel.writeAndFlush($0, promise: promise) }
    }

    /// The socket has taken bytes, or is gone.
    private func sent(_ count: Int) {
        for part in unsent.sent(count) { desk.admission.free(part.share, size: part.size) }
        stalledSince = unsent.size > 0 ? Clock.monotonic : nil
        closeIfFinished()
    }

    /// Closes behind a client that has closed its side, once it has got everything.
    func closeIfFinished() {
        if isInputClosed, requests.isEmpty, unsent.size == 0 { close() }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        // A client that does not read its replies is not read from.
        setReading(context.channel, isPaused: !context.channel.isWritable)
        context.fireChannelWritabilityChanged()
    }

    private func setReading(_ channel: any Channel, isPaused: Bool) {
        guard isPaused != isReadingPaused else { return }
        isReadingPaused = isPaused
        do {
            try channel.syncOptions?.setOption(.autoRead, value: !isPaused)
        } catch {
            // Only a closed channel refuses: there is nothing left to pause.
            channel.close(promise: nil)
        }
    }
}
