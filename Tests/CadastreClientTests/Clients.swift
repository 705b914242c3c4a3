import CadastreClient
import CadastreTLS

func makeClient(
    _ addresses: [String],
    change: (inout ClientConfiguration) -> Void = { _ in }
) throws -> CadastreClient {
    let credentials = FakePKI.service
    var configuration = ClientConfiguration(
        endpoints: addresses.compactMap { Endpoint($0) },
        cluster: FakePKI.cluster,
        files: .init(
            certificate: credentials.certificate,
            key: credentials.key,
            roots: credentials.roots
        )
    )
    configuration.tenant = Array("acme".utf8)
    // Long, since other tests may keep this machine busy: those that want less say so.
    configuration.deadline = .seconds(30)
    configuration.stallTimeout = .seconds(10)
    configuration.connectTimeout = .seconds(10)
    configuration.sessionSlots = 8
    change(&configuration)
    return try CadastreClient(configuration)
}

func bucket(_ number: Int) -> CreateBucket {
    CreateBucket(name: Array("bucket-\(number)".utf8))
}

func put(_ number: Int) -> PutObject {
    PutObject(bucket: Array("photos".utf8), key: Array("k\(number)".utf8), size: 1)
}

func put(locationBytes: Int) -> PutObject {
    var put = put(1)
    put.locations = [UInt8](repeating: 1, count: locationBytes)
    return put
}

/// Submits these within one turn of the event loop, in this order, and waits for their outcomes.
func outcomes(of submissions: [Submission], from client: CadastreClient) async -> [RawOutcome] {
    let (stream, continuation) = AsyncStream.makeStream(of: (Int, RawOutcome).self)
    await client.onLoop {
        for (number, submission) in submissions.enumerated() {
            client.submitOnLoop(submission) { continuation.yield((number, $0)) }
        }
    }
    var outcomes: [(Int, RawOutcome)] = []
    for await outcome in stream {
        outcomes.append(outcome)
        if outcomes.count == submissions.count { break }
    }
    return outcomes.sorted { $0.0 < $1.0 }.map(\.1)
}

func submission(_ command: some ClientCommand, deadline: Duration? = nil) -> Submission {
    var submission = Submission(.command, command.encoded)
    submission.deadline = deadline
    return submission
}

extension RawOutcome {
    var isDone: Bool {
        if case .done = self { true } else { false }
    }

    var isUnknown: Bool {
        if case .unknown = self { true } else { false }
    }

    var refusal: Refused? {
        if case .refused(let refused) = self { refused } else { nil }
    }
}

extension Outcome {
    var isUnknown: Bool {
        if case .unknown = self { true } else { false }
    }
}

/// Repeats until it is true; false if that takes longer than ten seconds.
func eventually(_ body: () async -> Bool) async -> Bool {
    let end = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < end {
        if await body() { return true }
    }
    return false
}
