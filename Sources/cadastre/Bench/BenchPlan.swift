/// What a bench does, after its verb and the options have been put together.
struct BenchPlan: Sendable {
    /// As it is called on the command line: `put`, `W1`.
    var name: String
    /// Of a workload.
    var title: String?
    var mix: Mix
    /// Of a workload: what it cannot do yet.
    var leftOut: [String] = []
    var clients: Int
    var connections: Int
    var seconds: Double
    var warmUp: Double
    /// Operations in a second; nil is the closed loop.
    var rate: Double?
    var bursts: Arrivals.Bursts?
    var bucket: [UInt8]
    var shape: KeyShape
    var order: BenchVerbs.KeyOrder
    var popularity: Popularity
    var theta: Double
    var keyCount: UInt64
    var sizes: ObjectSizes
    var valueSize: Int
    /// Puts in an operation; 1 but for batches.
    var batch = 1
    /// Whether every key is put first.
    var populates: Bool
    /// Whether every put has an entity tag of its own.
    var tellsValuesApart: Bool
    var seed: UInt64

    /// A verb with these options.
    init(_ kind: Bench.Kind, _ load: BenchVerbs.LoadOptions) {
        self.init(load, Workload(kind), name: kind.name)
        if case .batch(let size) = kind { batch = size }
    }

    /// A workload with these options.
    ///
    /// - Throws: `Failure` if the register has not what it needs.
    init(_ id: WorkloadID, _ load: BenchVerbs.LoadOptions) throws(Failure) {
        switch id.content {
        case .workload(let workload):
            self.init(load, workload, name: id.rawValue)
            title = workload.title
        case .waits(let title, let feature):
            throw Failure(
                .usage,
                "\(id.rawValue), \(title), waits for \(feature)",
                advice: "the workloads that there are: cadastre bench workload --help"
            )
        }
    }

    /// The same keys, each put, many at a time; the last batch goes on with the first keys.
    var toPopulate: BenchPlan {
        var plan = self
        // Together as large as a few blocks, however large each is.
        plan.batch = min(max(131_072 / (valueSize + 1_024), 1), 100)
        plan.mix = Mix([(.batch(plan.batch), 1)])
        plan.order = .sequential
        return plan
    }

    private init(_ load: BenchVerbs.LoadOptions, _ workload: Workload, name: String) {
        self.name = name
        mix = workload.mix
        leftOut = workload.leftOut
        clients = load.clients
        connections = load.connections
        seconds = load.seconds
        warmUp = load.warmUp
        let rate = load.rate ?? workload.rate
        self.rate = rate == 0 ? nil : rate
        bursts = workload.hasBursts && self.rate != nil ? Arrivals.Bursts() : nil
        shape = load.shape ?? workload.shape
        bucket = Array((load.bucket ?? shape.bucket).utf8)
        order = load.keys
        popularity = load.popularity ?? workload.popularity
        theta = load.theta
        keyCount = load.keyCount ?? workload.keyCount
        sizes = load.sizes ?? workload.sizes
        valueSize = load.valueSize
        populates = workload.populates
        let actions = Set(workload.mix.shares.map(\.action))
        tellsValuesApart =
            load.history != nil || !actions.isDisjoint(with: [.putOverNewest, .swap, .commit])
        seed = load.seed
    }
}

extension Workload {
    /// What a verb does, as a workload.
    init(_ kind: Bench.Kind) {
        let mix: Mix
        switch kind {
        case .put: mix = Mix([(.put, 1)])
        case .get: mix = Mix([(.get, 1)])
        case .list(let page): mix = Mix([(.listUnder(page), 1)])
        case .batch(let size): mix = Mix([(.batch(size), 1)])
        case .mixed:
            // Changes and questions about few keys, half of each; some of the changes under a
            // condition.
            mix = Mix([
                (.put, 24), (.putIfAbsent, 6), (.putOverNewest, 10), (.delete, 10), (.get, 40),
                (.listAfter(10), 6), (.usage, 4),
            ])
        }
        self.init(title: kind.name, summary: "", mix: mix, shape: .plain, popularity: .uniform)
        sizes = .plain
        switch kind {
        case .put, .batch: populates = false
        case .get, .list: break
        case .mixed: (populates, keyCount) = (false, 64)
        }
    }
}
