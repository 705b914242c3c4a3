internal import Glibc
internal import NIOCore

/// What the kernel is told about connections, so that one whose other end is gone without a word
/// does not stand for ever.
enum SocketOptions {
    /// An option and its value.
    typealias Pair = (option: ChannelOptions.Types.SocketOption, value: Int)

    /// Of connections that clients open.
    static let client =
        common + [(tcp(TCP_USER_TIMEOUT), RuntimeLimits.clientUserTimeoutMilliseconds)]
    /// Of connections between nodes.
    static let peer =
        common + [(tcp(TCP_USER_TIMEOUT), RuntimeLimits.peerUserTimeoutMilliseconds)]

    private static let common: [Pair] = [
        (tcp(TCP_NODELAY), 1),
        (ChannelOptions.socketOption(.so_keepalive), 1),
        (tcp(TCP_KEEPIDLE), RuntimeLimits.keepaliveIdleSeconds),
        (tcp(TCP_KEEPINTVL), RuntimeLimits.keepaliveIntervalSeconds),
        (tcp(TCP_KEEPCNT), RuntimeLimits.keepaliveQuestions),
    ]

    private static func tcp(_ name: CInt) -> ChannelOptions.Types.SocketOption {
        ChannelOptions.Types.SocketOption(
            level: .tcp,
            name: NIOBSDSocket.Option(rawValue: name)
        )
    }
}
