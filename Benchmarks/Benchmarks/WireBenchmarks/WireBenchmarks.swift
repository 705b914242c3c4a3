import Benchmark
import BenchmarkLoad
import CadastreProtocol
import NIOCore

/// The frame in which a client asks for a put.
private func requestFrame() -> [UInt8] {
    var puts = PutStream(
        of: Caller(tenant: TenantID(1), session: 1),
        .random,
        keyCount: 100_000
    )
    let put = puts.next()
    var bytes: [UInt8] = []
    append(put, to: &bytes)
    return bytes
}

private func append(_ put: CommandEnvelope, to bytes: inout [UInt8]) {
    let request = RequestMessage(identity: put.identity, content: .command(put.command))
    Frame.append(.request, group: 0, requestID: 1, to: &bytes) { request.append(to: &$0) }
}

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock, .throughput],
        timeUnits: .nanoseconds,
        scalingFactor: .kilo
    )

    Benchmark("frame: encode a request") { benchmark in
        var puts = PutStream(
            of: Caller(tenant: TenantID(1), session: 1),
            .random,
            keyCount: 100_000
        )
        let put = puts.next()
        var bytes: [UInt8] = []
        benchmark.startMeasurement()
        for _ in benchmark.scaledIterations {
            bytes.removeAll(keepingCapacity: true)
            append(put, to: &bytes)
        }
        blackHole(bytes)
    }

    Benchmark("frame: assemble and decode a request") { benchmark in
        let frame = requestFrame()
        var assembler = FrameAssembler()
        benchmark.startMeasurement()
        for _ in benchmark.scaledIterations {
            try assembler.receive(frame.span) { _, body throws(ProtocolError) in
                blackHole(try RequestMessage(decoding: body))
            }
        }
    }

    Benchmark("TLS: 64 frames of 300 bytes in one flush") { benchmark in
        let joined = try JoinedTLS()
        let frames = (0..<64).map { _ in ByteBuffer(repeating: 7, count: 300) }
        benchmark.startMeasurement()
        for _ in benchmark.scaledIterations { try joined.send(frames) }
        benchmark.stopMeasurement()
        precondition(joined.received > 0, "nothing arrived")
    }

    Benchmark("TLS: one frame of 300 bytes in a flush") { benchmark in
        let joined = try JoinedTLS()
        let frame = [ByteBuffer(repeating: 7, count: 300)]
        benchmark.startMeasurement()
        for _ in benchmark.scaledIterations { try joined.send(frame) }
    }

    Benchmark("TLS: handshake", configuration: .init(scalingFactor: .one)) { benchmark in
        blackHole(try JoinedTLS())
    }
}
