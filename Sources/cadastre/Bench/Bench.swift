internal import CadastreClient

/// One run of a bench: prepares, warms up, measures, and reports.
struct Bench: Sendable {
    /// What is measured.
    enum Kind: Hashable, Sendable {
        case put
        case get
        /// In pages of so many.
        case list(Int)
        case mixed
        /// Of so many puts.
        case batch(Int)

        /// As it is called on the command line.
        var name: String {
            switch self {
            case .put: "put"
            case .get: "get"
            case .list: "list"
            case .mixed: "mixed"
            case .batch: "batch"
            }
        }

        /// Puts in an operation.
        var batchSize: Int { if case .batch(let size) = self { size } else { 1 } }
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
        configuration.deadline = settings.deadline ?? .seconds(30)
        let history = try load.history.map { path throws(Failure) in try BenchHistory(path) }
        // What is on its way when the bench ends is settled with the client, before it is written.
        defer { history?.end() }
        let report = try await BenchClients.with(
            configuration,
            outstanding: load.clients * kind.batchSize
        ) { clients throws(Failure) in
            try await ImportVerbs.createBucket(bucket, clients.first)
            switch kind {
            case .get, .list: try await populate(clients)
            case .put, .mixed, .batch: break
            }
            if let history { try await tell(history, clients.first) }
            return try await measure(clients, history, settings)
        }
        load.options.console.json(report)
        load.options.console.line(report.text)
        if Interruption.isRequested {
            throw Interruption.failure("the bench was stopped by a signal before its time")
        }
        history?.end()
        if let failure = history?.failure { throw failure }
        guard report.operations > 0 else {
            throw Failure(
                .tryAgain,
                "no operation was done: \(report.first_trouble ?? "no answer")",
                advice: "look at cadastre status"
            )
        }
    }

    private func measure(
        _ clients: BenchClients,
        _ history: BenchHistory?,
        _ settings: ClusterSettings
    ) async throws(Failure) -> BenchReport {
        let maker = RequestMaker(kind, load, bucket)
        let work = BenchLoad(clients, first: 0, history: history) { maker.operation($0) }
        let count = load.clients
        await clients.onLoop { work.begin(clients: count) }
        await pause(load.warmUp)
        let before = await statuses(settings)
        await clients.onLoop { work.reset() }
        let begin = ContinuousClock.now
        await watch(clients, work, until: begin + .seconds(load.seconds))
        let result = await clients.onLoop { work.snapshot }
        let seconds = (ContinuousClock.now - begin).inSeconds
        let after = Interruption.isRequested ? [] : await statuses(settings)
        // What is on its way after a signal is settled when the client is closed.
        if !Interruption.isRequested {
            await withCheckedContinuation { continuation in
                Task { await clients.onLoop { work.end { continuation.resume() } } }
            }
        }
        return BenchReport(
            verb: kind.name,
            batch: kind.batchSize,
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
        _ clients: BenchClients,
        _ work: BenchLoad,
        until end: ContinuousClock.Instant
    ) async {
        var last: UInt64 = 0
        var lastTime = ContinuousClock.now
        while ContinuousClock.now < end, !Interruption.isRequested {
            await pause(min(1, (end - .now).inSeconds))
            let done = await clients.onLoop { work.snapshot.done }
            let now = ContinuousClock.now
            let rate = Double(done - last) / max(0.001, (now - lastTime).inSeconds)
            Console.remark(
                "\(kind.name): \(Readable.count(done)) done, \(Readable.count(UInt64(rate)))/s"
            )
            (last, lastTime) = (done, now)
        }
    }

    /// Tells a history what is in the bucket before it begins.
    private func tell(
        _ history: BenchHistory,
        _ client: CadastreClient
    ) async throws(Failure) {
        history.isGiven(bucket)
        var after: [UInt8] = []
        repeat {
            let page = try await client.ask(ListObjects(bucket: bucket, after: after))
                .get(doing: "reading what is in the bucket before the history begins")
            for case .object(let object) in page.elements { history.isGiven(object, in: bucket) }
            after = page.next
        } while !after.isEmpty && !Interruption.isRequested
    }

    /// Puts every key once.
    private func populate(_ clients: BenchClients) async throws(Failure) {
        let usage = try await clients.first.ask(GetUsage(bucket: bucket))
            .get(doing: "reading the usage")
        guard usage.objects < load.keyCount(for: kind) else { return }
        let count = load.keyCount(for: kind)
        Console.remark("putting \(Readable.count(count)) objects first")
        var options = load
        options.keys = .sequential
        let maker = RequestMaker(.put, options, bucket)
        let work = BenchLoad(clients, first: 0, limit: count) { maker.operation($0) }
        await withCheckedContinuation { continuation in
            Task {
                await clients.onLoop {
                    work.begin(clients: 256)
                    work.onLimit { continuation.resume() }
                }
            }
        }
        let result = await clients.onLoop { work.snapshot }
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
