internal import NIOCore
internal import NIOPosix

/// One line comes, one line goes, and the connection ends.
final class LineHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// The most that a line has.
    static let maximumSize = 1_024

    private let answer: (String) -> String?
    private var line: [UInt8] = []

    /// - Parameter answer: Told the line; what it returns is sent before the connection ends.
    init(_ answer: @escaping (String) -> String?) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        line += unwrapInboundIn(data).readableBytesView
        guard let end = line.firstIndex(of: 0x0A) else {
            if line.count > Self.maximumSize { context.close(promise: nil) }
            return
        }
        let told = answer(String(decoding: line[..<end], as: UTF8.self))
        guard let told else {
            context.close(promise: nil)
            return
        }
        let channel = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: told + "\n"))).whenComplete { _ in
            channel.value.close(promise: nil)
        }
    }
}

/// The socket on which a ``WideArea`` is told what to cut.
enum Control {
    /// Obeys whoever speaks there.
    static func listen(
        _ path: String,
        _ area: NIOLoopBound<WideArea>,
        on loop: any EventLoop
    ) -> EventLoopFuture<any Channel> {
        ServerBootstrap(group: loop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        LineHandler { area.value.obey($0) }
                    )
                }
            }
            .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true)
    }

    /// Says a line and waits for the answer.
    ///
    /// - Throws: What the socket said, or that nothing was answered.
    static func tell(_ line: String, _ path: String, on loop: any EventLoop) async throws -> String
    {
        let promise = loop.makePromise(of: String.self)
        let channel: any Channel
        do {
            channel = try await ClientBootstrap(group: loop)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(
                            LineHandler { answer in
                                promise.succeed(answer)
                                return nil
                            }
                        )
                    }
                }
                .connect(unixDomainSocketPath: path).get()
        } catch {
            promise.fail(error)
            throw error
        }
        channel.closeFuture.whenComplete { _ in
            // Without effect if there was an answer.
            promise.fail(ChannelError.eof)
        }
        try await channel.writeAndFlush(ByteBuffer(string: line + "\n"))
        return try await promise.futureResult.get()
    }
}
