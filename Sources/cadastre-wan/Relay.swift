internal import NIOCore
internal import NIOPosix

/// One connection from a node to another, over the distance between them.
///
/// Lives on the loop of its channels.
final class Relay {
    private let from: Country.Node
    private let to: Country.Node
    private let loop: any EventLoop
    private let roundTrip: TimeAmount
    private let there: OneWay
    private let back: OneWay
    private var isCut: Bool
    private var isDue = false
    private var isDialled = false
    private var dialler: (any Channel)?

    /// What may be on its way in one direction: enough for 10 Gbit/s over 13 ms.
    static let maximumSize = 16 << 20

    /// A connection that was dialled; the node that it leads to is not yet.
    init(from: Country.Node, to: Country.Node, _ country: Country, on loop: any EventLoop) {
        self.from = from
        self.to = to
        self.loop = loop
        roundTrip = country.roundTrip(from.site, to.site)
        isCut = false
        let delay = TimeAmount.nanoseconds(roundTrip.nanoseconds / 2)
        (there, back) = (
            OneWay(delay: delay, maximumSize: Self.maximumSize, isCut: false, on: loop),
            OneWay(delay: delay, maximumSize: Self.maximumSize, isCut: false, on: loop)
        )
    }

    /// Takes the connection of the node that dials.
    func take(_ channel: any Channel) throws {
        dialler = channel
        try channel.pipeline.syncOperations.addHandler(
            RelayEnd(incoming: there, outgoing: back)
        )
        back.begin(to: channel)
        // The three packets of a new connection take their time too.
        loop.assumeIsolated().scheduleTask(in: roundTrip) { [weak self] in
            self?.isDue = true
            self?.dial()
        }
    }

    /// Some cut was made or mended.
    func apply(_ cuts: Cuts) {
        let (isCutThere, isCutBack) = (
            cuts.isCut(from: from.site, to: to.site), cuts.isCut(from: to.site, to: from.site)
        )
        isCut = isCutThere || isCutBack
        there.setCut(isCutThere)
        back.setCut(isCutBack)
        dial()
    }

    /// Dials the other node, once the first packets have come and gone.
    private func dial() {
        guard isDue, !isCut, !isDialled, let dialler, dialler.isActive else { return }
        isDialled = true
        let (there, back) = (
            NIOLoopBound(there, eventLoop: loop), NIOLoopBound(back, eventLoop: loop)
        )
        ClientBootstrap(group: loop)
            .channelOption(ChannelOptions.autoRead, value: false)
            .channelOption(ChannelOptions.allowRemoteHalfClosure, value: true)
            .channelOption(ChannelOptions.tcpOption(.tcp_nodelay), value: 1)
            .connectTimeout(.seconds(1))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        RelayEnd(incoming: back.value, outgoing: there.value)
                    )
                }
            }
            .connect(host: to.address, port: to.port)
            .assumeIsolated()
            .whenComplete { result in
                switch result {
                case .success(let channel): there.value.begin(to: channel)
                // Nobody listens there: the one who dialled learns it by the close.
                case .failure: dialler.close(promise: nil)
                }
            }
    }
}
