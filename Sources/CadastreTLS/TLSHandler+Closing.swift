package import NIOCore

/// How a connection ends.
///
/// - A failure is fired once as an error (`TLSError`), after its alert was written; then the
///   connection closes by itself.
/// - `close(mode: .output)` sends close_notify and goes on reading; the peer's close_notify arrives
///   as `ChannelEvent.inputClosed` if the channel allows a remote half closure, else it closes.
extension TLSHandler {
    /// The channel has ended, or will bring no more bytes.
    func ended(_ context: ChannelHandlerContext) {
        let error: TLSError?
        switch state {
        case .handshaking: error = .closedDuringHandshake
        case .open: error = isInputClosed ? nil : .truncated
        case .idle, .lingering, .closed: error = nil
        }
        becomeClosed(failing: error ?? ChannelError.ioOnClosedChannel)
        if let error { context.fireErrorCaught(error) }
    }

    /// Nothing more goes either way.
    func becomeClosed(failing error: any Error) {
        stop(.closed, failing: error)
    }

    /// Takes nothing more to send, and fails what is left.
    private func stop(_ next: State, failing error: any Error) {
        switch state {
        case .handshaking(let deadline), .lingering(let deadline): deadline.cancel()
        case .idle, .open, .closed: break
        }
        state = next
        failPending(error)
        if let waiting = closeOutputWhenOpen {
            closeOutputWhenOpen = nil
            waiting?.fail(error)
        }
    }

    /// The peer has sent its close_notify.
    func inputClosed(_ context: ChannelHandlerContext) {
        guard case .open = state, !isInputClosed else { return }
        isInputClosed = true
        let options = context.channel.syncOptions
        let isHalfClosureAllowed: Bool
        do {
            isHalfClosureAllowed =
                try options?.getOption(ChannelOptions.allowRemoteHalfClosure) ?? false
        } catch {
            // A channel without the option has no half closure.
            isHalfClosureAllowed = false
        }
        if isOutputClosed {
            closeWhenSent(context)
        } else if !isHalfClosureAllowed {
            close(context: context, mode: .all, promise: nil)
        } else {
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
    }

    package func close(
        context: ChannelHandlerContext,
        mode: CloseMode,
        promise: EventLoopPromise<Void>?
    ) {
        switch (mode, state) {
        case (.input, _):
            context.close(mode: .input, promise: promise)
        case (.output, .open):
            closeOutput(context, promise)
        case (.output, .idle), (.output, .handshaking):
            if let earlier = closeOutputWhenOpen, let earlier {
                earlier.futureResult.cascade(to: promise)
            } else {
                closeOutputWhenOpen = .some(promise)
            }
        case (.output, .lingering), (.output, .closed):
            context.close(mode: .output, promise: promise)
        case (.all, .lingering):
            // Closing now could reset the connection before the peer has read the alert.
            context.channel.closeFuture.cascade(to: promise)
        case (.all, .open):
            // Before the write: if it fails, the channel ends within it.
            isInputClosed = true
            sendCloseNotify(context)
            becomeClosed(failing: ChannelError.ioOnClosedChannel)
            context.close(mode: .all, promise: promise)
        case (.all, .idle), (.all, .handshaking), (.all, .closed):
            becomeClosed(failing: ChannelError.ioOnClosedChannel)
            context.close(mode: .all, promise: promise)
        }
    }

    /// Says that we shall send no more, and reads on.
    func closeOutput(_ context: ChannelHandlerContext, _ promise: EventLoopPromise<Void>?) {
        guard !isOutputClosed else {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        sendCloseNotify(context)
        failPending(ChannelError.outputClosed)
        let sent = promise ?? context.eventLoop.makePromise(of: Void.self)
        outputSent = sent.futureResult
        context.close(mode: .output, promise: sent)
        if isInputClosed { closeWhenSent(context) }
    }

    /// Both sides have said their last word; ours may still be on its way to the socket.
    private func closeWhenSent(_ context: ChannelHandlerContext) {
        outputSent?.assumeIsolated().whenComplete { _ in
            context.close(mode: .all, promise: nil)
        }
    }

    private func sendCloseNotify(_ context: ChannelHandlerContext) {
        guard !isOutputClosed else { return }
        isOutputClosed = true
        session.closeOutput()
        sendOutput(context)
    }

    // MARK: - Failure

    /// Sends the alert, tells the pipeline, and closes.
    func fail(_ context: ChannelHandlerContext, _ error: TLSError) {
        switch state {
        case .idle, .handshaking, .open: break
        case .lingering, .closed: return
        }
        let hasAlert = session.outputBytes > 0
        // Before the alert: if its write fails, the channel ends within it.
        stop(hasAlert ? .lingering(deadline: lingerDeadline(context)) : .closed, failing: error)
        sendOutput(context)
        context.fireErrorCaught(error)
        if !hasAlert {
            context.close(mode: .all, promise: nil)
        } else if !isOutputClosed {
            context.close(mode: .output, promise: nil)
        }
    }

    private func failPending(_ error: any Error) {
        for promise in pending.takePromises() { promise.fail(error) }
    }

    private func lingerDeadline(_ context: ChannelHandlerContext) -> Scheduled<Void> {
        let loop = context.eventLoop.assumeIsolated()
        return loop.scheduleTask(in: .seconds(TLSLimits.lingerSeconds)) {
            self.endLingering(context)
        }
    }

    /// The peer has had its time to read the alert.
    func endLingering(_ context: ChannelHandlerContext) {
        guard case .lingering = state else { return }
        becomeClosed(failing: ChannelError.ioOnClosedChannel)
        context.close(mode: .all, promise: nil)
    }
}
