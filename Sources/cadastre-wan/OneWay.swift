internal import NIOCore

/// One direction of a connection that is relayed: reads from one channel and writes to another what
/// has arrived there by then.
///
/// Lives on the loop of both.
final class OneWay {
    private let loop: any EventLoop
    private var line: DelayLine
    private var source: (any Channel)?
    private var sink: (any Channel)?
    private var isCut: Bool
    private var mayRead = false
    private var timer: (due: NIODeadline, task: Scheduled<Void>)?

    /// A direction without ends.
    init(delay: TimeAmount, maximumSize: Int, isCut: Bool, on loop: any EventLoop) {
        self.loop = loop
        self.isCut = isCut
        line = DelayLine(delay: delay, maximumSize: maximumSize)
    }

    /// Begins to read from a channel, which reads only when it is told to.
    func begin(from source: any Channel) {
        self.source = source
        mayRead = true
        pump()
    }

    /// Begins to write to a channel.
    func begin(to sink: any Channel) {
        self.sink = sink
        pump()
    }

    /// Something was read.
    func received(_ parcel: DelayLine.Parcel) {
        line.add(parcel, at: loop.now)
        pump()
    }

    /// All that was there to be read has been.
    func readCompleted() {
        mayRead = true
        pump()
    }

    /// Cuts the direction, or mends it.
    ///
    /// What is on its way waits, as what a sender sends again until somebody acknowledges it.
    func setCut(_ isCut: Bool) {
        self.isCut = isCut
        pump()
    }

    /// Forgets everything: one of the ends is gone.
    func stop() {
        timer?.task.cancel()
        timer = nil
        source = nil
        sink = nil
    }

    /// Writes what has arrived, as far as the sink takes it, and reads on if there is room.
    func pump() {
        if !isCut, let sink { deliver(to: sink) }
        guard mayRead, !line.isFull, let source else { return }
        mayRead = false
        source.read()
    }

    private func deliver(to sink: any Channel) {
        var mustFlush = false
        while sink.isWritable, let parcel = line.next(at: loop.now) {
            switch parcel {
            case .bytes(let bytes):
                sink.write(bytes, promise: nil)
                mustFlush = true
            case .endOfStream:
                if mustFlush { sink.flush() }
                mustFlush = false
                sink.close(mode: .output, promise: nil)
            case .gone:
                if mustFlush { sink.flush() }
                sink.close(promise: nil)
                return
            }
        }
        if mustFlush { sink.flush() }
        // A sink that is full tells when it is not any more.
        guard sink.isWritable, let due = line.due, timer?.due != due else { return }
        timer?.task.cancel()
        let task = loop.assumeIsolated().scheduleTask(deadline: due) { [weak self] in
            self?.timer = nil
            self?.pump()
        }
        timer = (due, task)
    }
}

/// One end of a connection that is relayed.
final class RelayEnd: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let incoming: OneWay
    private let outgoing: OneWay
    private var hasEnded = false

    /// - Parameters:
    ///   - incoming: The direction of what is read here.
    ///   - outgoing: The direction of what is written here.
    init(incoming: OneWay, outgoing: OneWay) {
        self.incoming = incoming
        self.outgoing = outgoing
    }

    func channelActive(context: ChannelHandlerContext) {
        incoming.begin(from: context.channel)
        context.fireChannelActive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        incoming.received(.bytes(unwrapInboundIn(data)))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        incoming.readCompleted()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        outgoing.pump()
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed, !hasEnded {
            hasEnded = true
            incoming.received(.endOfStream)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelInactive(context: ChannelHandlerContext) {
        incoming.received(.gone)
        outgoing.stop()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
