package import NIOCore

/// TLS 1.3 between the socket and the rest of the pipeline, by OpenSSL.
///
/// - Everything written up to a flush becomes one run of full records.
/// - How a connection ends is in `TLSHandler+Closing.swift`.
package final class TLSHandler: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// How far the connection has come.
    enum State {
        /// The channel is not active yet.
        case idle
        /// The peer is not known yet.
        case handshaking(deadline: Scheduled<Void>)
        /// Bytes go both ways, as far as neither side has closed.
        case open
        /// Failed, the alert is written: what comes is dropped until the peer has read it.
        case lingering(deadline: Scheduled<Void>)
        /// Nothing more goes either way.
        case closed
    }

    /// Encrypts and decrypts.
    let session: TLSSession
    private let handshakeTimeout: TimeAmount
    /// How far the connection has come.
    var state = State.idle
    /// What was written and not yet encrypted.
    var pending = PendingWrites()
    /// What the socket gave and OpenSSL has not taken.
    ///
    /// Of the handler and not of one call: a write that fails while we deliver makes the channel
    /// read again within it, and end, and both belong behind.
    private var received = ByteBuffer()
    private var isTaking = false
    private var hasEndedWithin = false
    private var handshakeBytes = 0
    /// At least the plaintext that the bytes taken in can still give.
    private var undecryptedBytes = 0
    /// The peer will send no more.
    var isInputClosed = false
    /// We shall send no more.
    var isOutputClosed = false
    /// Ends when everything up to our close_notify has reached the socket.
    var outputSent: EventLoopFuture<Void>?
    /// Someone waits for a `channelRead` that ciphertext alone has not given yet.
    private var isReadWanted = false
    /// Answers of OpenSSL's own since the peer last took what we send.
    private var untakenAnswers = 0
    /// A half closure asked for during the handshake.
    var closeOutputWhenOpen: EventLoopPromise<Void>??

    /// Makes the handler of one connection.
    ///
    /// - Parameters:
    ///   - context: our credentials and the side we are on.
    ///   - handshakeTimeout: from the channel's becoming active to the end of the handshake.
    ///   - accept: says which identities may not connect; called once, within the handshake, on the
    ///     channel's event loop, after the certificate was verified.
    /// - Throws: `TLSError.library` if there is no memory.
    package init(
        _ context: TLSContext,
        handshakeTimeout: TimeAmount = .seconds(5),
        accept: @escaping @Sendable (NamedIdentity) -> TLSRefusal?
    ) throws(TLSError) {
        session = try TLSSession(context, accept: accept)
        self.handshakeTimeout = handshakeTimeout
    }

    // MARK: - The channel's life

    package func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { begin(context) }
    }

    package func channelActive(context: ChannelHandlerContext) {
        begin(context)
        context.fireChannelActive()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        guard !isTaking else {
            hasEndedWithin = true
            return
        }
        ended(context)
        context.fireChannelInactive()
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        becomeClosed(failing: ChannelError.ioOnClosedChannel)
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard case .idle = state else { return }
        let loop = context.eventLoop.assumeIsolated()
        let deadline = loop.scheduleTask(in: handshakeTimeout) {
            self.fail(context, .handshakeTimeout)
        }
        state = .handshaking(deadline: deadline)
        stepHandshake(context)
        context.read()
    }

    // MARK: - Inbound

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let ciphertext = unwrapInboundIn(data)
        undecryptedBytes += ciphertext.readableBytes
        if received.readableBytes == 0 {
            received = ciphertext
        } else {
            received.writeImmutableBuffer(ciphertext)
        }
        guard !isTaking else { return }
        isTaking = true
        take(context)
        isTaking = false
        // The socket's next read wants the storage.
        received = ByteBuffer()
        guard hasEndedWithin else { return }
        hasEndedWithin = false
        channelInactive(context: context)
    }

    private func take(_ context: ChannelHandlerContext) {
        if case .idle = state { begin(context) }
        while received.readableBytes > 0 {
            switch state {
            case .handshaking: stepHandshake(context)
            case .open where !isInputClosed: decrypt(context)
            case .idle, .open, .lingering, .closed: return
            }
        }
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        context.fireChannelReadComplete()
        if case .handshaking = state {
            context.read()
        } else {
            readOn(context)
        }
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { untakenAnswers = 0 }
        context.fireChannelWritabilityChanged()
        readOn(context)
    }

    /// What came was no whole record: the reader still waits.
    ///
    /// Not while the peer leaves unread what we send: it could make us answer without an end.
    private func readOn(_ context: ChannelHandlerContext) {
        if isReadWanted, context.channel.isWritable { context.read() }
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, case .inputClosed = event else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        switch state {
        case .open where isInputClosed:
            // The close_notify said so before.
            break
        case .handshaking: fail(context, .closedDuringHandshake)
        case .open: fail(context, .truncated)
        case .lingering: endLingering(context)
        case .idle, .closed: break
        }
    }

    private func stepHandshake(_ context: ChannelHandlerContext) {
        let offered = received.readableBytes
        let progress = session.handshake(&received)
        handshakeBytes += offered - received.readableBytes
        switch progress {
        case .done(let peer):
            sendOutput(context)
            becomeOpen(context, peer)
        case .needsInput:
            sendOutput(context)
            if handshakeBytes >= TLSLimits.maximumHandshakeBytes {
                let detail = "\(handshakeBytes) bytes without an end of the handshake"
                fail(context, .refused(TLSRefusal(.tooManyBytes, detail)))
            }
        case .failed(let error):
            fail(context, error)
        }
    }

    private func becomeOpen(_ context: ChannelHandlerContext, _ peer: VerifiedPeer) {
        // Our last message may not have left, which ends the connection.
        guard case .handshaking(let deadline) = state else { return }
        deadline.cancel()
        state = .open
        context.fireUserInboundEventTriggered(
            TLSHandshakeCompleted(
                identity: peer.name.identity,
                site: peer.name.site,
                fingerprint: peer.fingerprint,
                notAfter: peer.notAfter,
                chain: peer.chain
            )
        )
        sendFlushed(context)
        if let promise = closeOutputWhenOpen {
            closeOutputWhenOpen = nil
            closeOutput(context, promise)
        }
    }

    /// Delivers what has come; of a record that is not whole OpenSSL keeps what there is.
    private func decrypt(_ context: ChannelHandlerContext) {
        var plaintext = ByteBuffer()
        while case .open = state, !isInputClosed {
            if plaintext.writableBytes == 0 {
                deliver(context, &plaintext)
                let size = min(max(undecryptedBytes, 1024), TLSLimits.sliceBytes)
                plaintext = context.channel.allocator.buffer(capacity: size)
                // Delivering may have closed the connection.
                continue
            }
            switch session.read(&received, into: &plaintext) {
            case .bytes(let count):
                undecryptedBytes = max(0, undecryptedBytes - count)
            case .needsInput:
                if !session.holdsPartialRecord { undecryptedBytes = 0 }
                deliver(context, &plaintext)
                answer(context)
                return
            case .closed:
                deliver(context, &plaintext)
                inputClosed(context)
                return
            case .failed(let error):
                deliver(context, &plaintext)
                fail(context, error)
                return
            }
        }
    }

    /// Sends what a change of the peer's keys asks for, as long as the peer takes it.
    private func answer(_ context: ChannelHandlerContext) {
        guard session.outputBytes > 0 else { return }
        if !context.channel.isWritable { untakenAnswers += 1 }
        guard untakenAnswers <= TLSLimits.maximumKeyUpdates else {
            fail(context, .broken(reason: "the peer changes its keys and takes none of ours"))
            return
        }
        sendOutput(context)
    }

    private func deliver(_ context: ChannelHandlerContext, _ plaintext: inout ByteBuffer) {
        guard plaintext.readableBytes > 0 else { return }
        isReadWanted = false
        context.fireChannelRead(wrapInboundOut(plaintext))
    }

    // MARK: - Outbound

    package func read(context: ChannelHandlerContext) {
        isReadWanted = true
        context.read()
    }

    package func write(
        context: ChannelHandlerContext,
        data: NIOAny,
        promise: EventLoopPromise<Void>?
    ) {
        let bytes = unwrapOutboundIn(data)
        switch state {
        case .idle, .handshaking:
            let limit = TLSLimits.maximumPendingBytes
            guard bytes.readableBytes <= limit - pending.count else {
                promise?.fail(TLSError.tooMuchPending(limit: limit))
                return
            }
        case .open where isOutputClosed, .lingering, .closed:
            promise?.fail(ChannelError.outputClosed)
            return
        case .open: break
        }
        pending.append(bytes, promise)
    }

    package func flush(context: ChannelHandlerContext) {
        pending.flush()
        if case .open = state {
            sendFlushed(context)
        } else {
            context.flush()
        }
    }

    /// Encrypts and sends everything up to the last flush.
    private func sendFlushed(_ context: ChannelHandlerContext) {
        guard case .open = state, !isOutputClosed, var batch = pending.takeFlushed() else { return }
        let promise = batch.promise(on: context.eventLoop)
        do throws(TLSError) {
            repeat {
                let size = min(batch.bytes.readableBytes, TLSLimits.maximumOutputBytes)
                var slice = batch.bytes
                slice.moveWriterIndex(to: slice.readerIndex + size)
                batch.bytes.moveReaderIndex(forwardBy: size)
                try session.encrypt(&slice)
                let isLast = batch.bytes.readableBytes == 0
                context.write(
                    wrapOutboundOut(session.takeOutput()),
                    promise: isLast ? promise : nil
                )
            } while batch.bytes.readableBytes > 0
        } catch {
            promise?.fail(error)
            fail(context, error)
            return
        }
        pending.reuse(&batch.bytes)
        context.flush()
    }

    /// Changes our keys and asks the peer to change its own; for tests of what a flood comes to.
    func updateKeys(_ context: ChannelHandlerContext) {
        session.updateKeys()
        sendOutput(context)
    }

    /// Sends what OpenSSL has to say on its own: handshakes, alerts, changes of keys.
    func sendOutput(_ context: ChannelHandlerContext) {
        guard session.outputBytes > 0 else { return }
        context.writeAndFlush(wrapOutboundOut(session.takeOutput()), promise: nil)
    }
}
