internal import CadastreClient

/// One run of a bench: prepares, warms up, measures, and reports.
struct Bench: Sendable {
    /// What is measured.
    enum Kind: String, Sendable {
        case put
        case get
        case list
    }

    private let kind: Kind
    private let load: BenchVerbs.LoadOptions
    private let bucket: [UInt8]

    /// Prepares a run.
    init(_ load: BenchVerbs.LoadOptions, _ kind: Kind) {
        self.load = load
        self.kind = kind
        bucket = Array(load.bucket.utf8)
    }

    /// Runs and prints the report.
    ///
    /// - Throws: `Failure` if the cluster cannot be reached or everything is refused.
    func run() async throws(Failure) {
        let settings = try load.options.settings()
        var configuration = try settings.requestConfiguration()
        configuration.connectionCount = load.connections
        configuration.sessionSlots = UInt32(min(1024, max(load.clients, 256)))
        configuration.deadline = settings.deadline ?? .seconds(30)
        let report = try await CadastreClient.with(configuration) { client throws(Failure) in
            try await ImportVerbs.createBucket(bucket, client)
            if kind != .put { try await populate(client) }
            return try await measure(client, settings)
        }
        load.options.console.json(report)
        load.options.console.line(report.text)
        if Interruption.isRequested {
            throw Interruption.failure("the bench was stopped by a signal before its time")
        }
        guard report.operations > 0 else {
            throw Failure(
                .tryAgain,
                "no operation was done: \(report.first_trouble ?? "no answer")",
                advice: "look at cadastre status"
            )
        }
    }

    private func measure(
        _ client: CadastreClient,
        _ settings: ClusterSettings
    ) async throws(Failure) -> BenchReport {
        let maker = RequestMaker(kind, load, bucket)
        let work = BenchLoad(client, first: 0) { maker.submission($0) }
        let clients = load.clients
        await client.onLoop { work.begin(clients: clients) }
        await pause(load.warmUp)
        let before = await statuses(settings)
        await client.onLoop { work.reset() }
        let begin = ContinuousClock.now
        await watch(client, work, until: begin + .seconds(load.seconds))
        let result = await client.onLoop { work.snapshot }
        let seconds = (ContinuousClock.now - begin).inSeconds
        let after = Interruption.isRequested ? [] : await statuses(settings)
        // What is on its way after a signal is settled when the client is closed.
        if !Interruption.isRequested {
            await withCheckedContinuation { continuation in
                Task { await client.onLoop { work.end { continuation.resume() } } }
            }
        }
        return BenchReport(
            verb: kind.rawValue,
            clients: load.clients,
            connections: load.connections,
            seconds: seconds,
            result,
            before: before,
            after: after
        )
    }

    /// Says every second how it goes.
    private func watch(
        _ client: CadastreClient,
        _ work: BenchLoad,
        until end: ContinuousClock.Instant
    ) async {
        var last: UInt64 = 0
        var lastTime = ContinuousClock.now
        while ContinuousClock.now < end, !Interruption.isRequested {
            await pause(min(1, (end - .now).inSeconds))
            let done = await client.onLoop { work.snapshot.done }
            let now = ContinuousClock.now
            let rate = Double(done - last) / max(0.001, (now - lastTime).inSeconds)
            Console.remark(
                "\(kind.rawValue): \(Readable.count(done)) done, \(Readable.count(UInt64(rate)))/s"
            )
            (last, lastTime) = (done, now)
        }
    }

    /// Puts every key once.
    private func populate(_ client: CadastreClient) async throws(Failure) {
        let usage = try await client.ask(GetUsage(bucket: bucket)).get(doing: "reading the usage")
        guard usage.objects < load.keyCount else { return }
        Console.remark("putting \(Readable.count(load.keyCount)) objects first")
        var options = load
        options.keys = .sequential
        let maker = RequestMaker(.put, options, bucket)
        let work = BenchLoad(client, first: 0, limit: load.keyCount) { maker.submission($0) }
        await withCheckedContinuation { continuation in
            Task {
                await client.onLoop {
                    work.begin(clients: 256)
                    work.onLimit { continuation.resume() }
                }
            }
        }
        let result = await client.onLoop { work.snapshot }
        guard result.refused == 0, result.unknown == 0 else {
            throw Failure(
                .tryAgain,
                "not all objects could be put: \(Escaped.text(result.firstTrouble ?? ""))",
                advice: "try again"
            )
        }
    }

    /// What the nodes say, or nothing if this identity may not ask them.
    private func statuses(_ settings: ClusterSettings) async -> [NodeStatus] {
        do throws(Failure) {
            var settings = settings
            if let path = load.administrationProfile ?? settings.administrationProfile {
                settings = try ClusterOptions.settings(profile: path)
            }
            guard !settings.administrationEndpoints.isEmpty else { return [] }
            let reports = try await NodeReport.all(settings)
            let statuses = reports.compactMap(\.status)
            if statuses.isEmpty {
                let reason = Escaped.text(reports.first?.reason ?? "no node is known")
                Console.remark(
                    "the nodes' own numbers are missing (\(reason)); "
                        + "give --administration-profile, or name it in the profile"
                )
            }
            return statuses
        } catch {
            Console.remark("the nodes' own numbers are missing: \(error.what)")
            return []
        }
    }

    private func pause(_ seconds: Double) async {
        do {
            try await Task.sleep(for: .seconds(max(0, seconds)))
        } catch {
            // Cancelled: what follows notices by itself.
        }
    }
}

/// Makes the requests of a load; lives on the event loop.
final class RequestMaker: @unchecked Sendable {
    // Unchecked: made before the event loop sees it, then used there alone.

    private let kind: Bench.Kind
    private let bucket: [UInt8]
    private let count: UInt64
    private let order: BenchVerbs.KeyOrder
    private let value: [UInt8]
    private let checksum: Checksum
    private var state: UInt64

    init(_ kind: Bench.Kind, _ load: BenchVerbs.LoadOptions, _ bucket: [UInt8]) {
        self.kind = kind
        self.bucket = bucket
        count = load.keyCount
        order = load.keys
        value = (0..<load.valueSize).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
        checksum = Checksum(.sha256, Array(repeating: 0x5A, count: 32))
        state = load.seed
    }

    func submission(_ number: UInt64) -> Submission {
        let place = order == .sequential ? number % count : random() % count
        let key = Self.key(place)
        switch kind {
        case .put:
            var put = PutObject(bucket: bucket, key: key, size: 30_000 + place)
            put.etag = Array("d41d8cd98f00b204e9800998ecf8427e".utf8)
            put.checksum = checksum
            put.contentType = Array("application/octet-stream".utf8)
            put.locations = value
            return Submission(.command, put.encoded)
        case .get:
            return Submission(.query, GetObject(bucket: bucket, key: key).encoded)
        case .list:
            let list = ListObjects(bucket: bucket, after: key, maximum: 100)
            return Submission(.query, list.encoded)
        }
    }

    /// The key of a place, 64 bytes: `bench/` and the number with zeros before it.
    static func key(_ place: UInt64) -> [UInt8] {
        var key = Array("bench/".utf8) + [UInt8](repeating: UInt8(ascii: "0"), count: 58)
        var rest = place
        var position = key.count - 1
        while rest > 0, position > 5 {
            key[position] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
            position -= 1
        }
        return key
    }

    private func random() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
