/** VehicleControlAPI: the controls of a car. */
import { pyFloat } from "../../calls/py_builtins.ts";
import { binaryOp, compare, isIn, iterate, subscript } from "../../calls/py_eval.ts";
import { PyDict, pyEqual, pyStr, type PyValue, truthy } from "../../calls/py_value.ts";
import type { PythonRandom } from "../../python_random.ts";
import { Api, failure, type LongContext, type Method, method, table } from "./api.ts";

const TANK_GALLONS = 50n;
const MILES_PER_GALLON = 20;
const FULL_BRAKE = 1000n;

/** Attributes whose names in the configuration differ, and those that are not compared. */
const RENAMED: Readonly<Record<string, string>> = {
  engine_state: "engineState",
  _parkingBrakeForce: "parkingBrakeForce",
  _slopeAngle: "slopeAngle",
};
const HIDDEN = ["random_seed", "_parkingBrakeForce", "_slopeAngle", "brakePedalForce"];

/** The simulated API. */
export class VehicleApi extends Api {
  readonly #random: PythonRandom;
  #parkingBrakeForce: PyValue;
  #slopeAngle: PyValue;
  #brakePedalForce: PyValue;
  readonly methods: Readonly<Record<string, Method>>;

  constructor(config: PyDict, longContext?: LongContext) {
    super("VehicleControlAPI", longContext);
    const renamed = new PyDict(
      this.defaults.entries().map(([name, value]) => {
        const own = RENAMED[String(name)] ?? String(name);
        return [name, config.has(own) ? config.get(own)! : value] as const;
      }),
    );
    this.#random = this.randomOf(renamed);
    this.load(renamed, ...HIDDEN);
    this.#parkingBrakeForce = renamed.get("_parkingBrakeForce")!;
    this.#slopeAngle = renamed.get("_slopeAngle")!;
    this.#brakePedalForce = renamed.get("brakePedalForce")!;
    const locked = this.dict("doorStatus").values().filter((status) => status === "locked").length;
    this.set("remainingUnlockedDoors", BigInt(4 - locked));
    this.methods = { ...this.#driving(), ...this.#comfort(), ...this.#trip() };
  }

  #driving(): Record<string, Method> {
    return {
      startEngine: method("ignitionMode", (mode) => this.#start(mode)),
      fillFuelTank: method("fuelAmount", (amount) => this.#fill(amount)),
      lockDoors: method("unlock, door", (unlock, doors) => this.#lock(truthy(unlock), doors)),
      activateParkingBrake: method("mode", (mode) => this.#parkingBrake(mode)),
      pressBrakePedal: method("pedalPosition", (position) => this.#brake(position)),
      releaseBrakePedal: method("", () => this.#pedal("released", 0)),
      setCruiseControl: method(
        "speed, activate, distanceToNextVehicle",
        (speed, activate, distance) => this.#cruise(speed, truthy(activate), distance),
      ),
      get_current_speed: method(
        "",
        () => PyDict.of({ currentSpeed: this.#random.uniform(0, 120) }),
      ),
    };
  }

  #comfort(): Record<string, Method> {
    return {
      adjustClimateControl: method(
        "temperature, unit='celsius', fanSpeed=50, mode='auto'",
        (temperature, unit, fan, mode) => this.#climate(temperature, { unit, fan, mode }),
      ),
      get_outside_temperature_from_google: method("", () => {
        const report = (this.long("LONG_WEATHER_EXTENSION") ?? new PyDict()) as PyDict;
        report.set("outsideTemperature", this.#random.uniform(-10, 40));
        return report;
      }),
      get_outside_temperature_from_weather_com: method("", () => PyDict.of({ error: 404n })),
      setHeadlights: method("mode", (mode) => {
        if (!isIn(mode, ["on", "off", "auto"])) return failure("Invalid headlight mode.");
        const status = mode === "on" ? "on" : "off";
        this.set("headLightStatus", status);
        return PyDict.of({ headlightStatus: status });
      }),
      displayCarStatus: method("option", (option) => this.#status(option)),
      display_log: method("messages", (messages) => PyDict.of({ log: messages })),
      check_tire_pressure: method("", () => this.#tires()),
    };
  }

  #trip(): Record<string, Method> {
    return {
      estimate_drive_feasibility_by_mileage: method("distance", (distance) => {
        const range = binaryOp("*", this.get("fuelLevel"), MILES_PER_GALLON);
        return PyDict.of({ canDrive: !compare("<", range, distance) });
      }),
      liter_to_gallon: method(
        "liter",
        (liter) => PyDict.of({ gallon: binaryOp("*", liter, 0.264172) }),
      ),
      gallon_to_liter: method(
        "gallon",
        (gallon) => PyDict.of({ liter: binaryOp("*", gallon, 3.78541) }),
      ),
      estimate_distance: method("cityA, cityB", (a, b) => this.#distance(a, b)),
      get_zipcode_based_on_city: method("city", (city) => {
        const zipcode = table("vehicle", "zipcodes").get(city) ?? "00000";
        return PyDict.of({ zipcode });
      }),
      set_navigation: method("destination", (destination) => {
        this.set("destination", destination);
        return PyDict.of({ status: binaryOp("+", "Navigating to ", destination) });
      }),
      find_nearest_tire_shop: method(
        "",
        () => PyDict.of({ shopLocation: table("vehicle").get("tire_shop")! }),
      ),
    };
  }

  #start(mode: PyValue): PyDict {
    if (mode === "STOP") this.set("engine_state", "stopped");
    if (compare(">", this.get("remainingUnlockedDoors"), 0n)) {
      const open = this.dict("doorStatus").entries().filter(([, status]) => status === "unlocked");
      const doors = open.map(([door]) => pyStr(door)).join(", ");
      return failure(
        `All doors must be locked before starting the engine. Here are the unlocked doors: ${doors}`,
      );
    }
    if (this.get("brakePedalStatus") !== "pressed") {
      return failure("Brake pedal needs to be pressed when starting the engine.");
    }
    if (!pyEqual(this.#brakePedalForce, FULL_BRAKE)) {
      return failure("Must press the brake fully before starting the engine.");
    }
    if (compare("<", this.get("fuelLevel"), 0)) return failure("Fuel tank is empty.");
    if (mode !== "START") return failure("Invalid ignition mode.");
    this.set("engine_state", "running");
    return PyDict.of({
      engineState: "running",
      fuelLevel: this.get("fuelLevel"),
      batteryVoltage: this.get("batteryVoltage"),
    });
  }

  #fill(amount: PyValue): PyDict {
    if (compare("<", amount, 0n)) return failure("Fuel amount cannot be negative.");
    const level = binaryOp("+", this.get("fuelLevel"), amount);
    if (compare(">", level, TANK_GALLONS)) {
      return failure("Cannot fill gas above the tank capacity.");
    }
    if (compare("<", level, 0)) {
      return failure("Fuel tank is empty. Min fuel level is 0 gallons.");
    }
    this.set("fuelLevel", level);
    return PyDict.of({ fuelLevel: level });
  }

  #lock(unlock: boolean, doors: PyValue): PyDict {
    const status = unlock ? "unlocked" : "locked";
    const states = this.dict("doorStatus");
    for (const door of iterate(doors)) {
      if (subscript(states, door) === status) continue;
      states.set(door, status);
      const change = unlock ? 1n : -1n;
      this.set("remainingUnlockedDoors", (this.get("remainingUnlockedDoors") as bigint) + change);
    }
    const remainingUnlockedDoors = this.get("remainingUnlockedDoors");
    return PyDict.of({ lockStatus: status, remainingUnlockedDoors });
  }

  #parkingBrake(mode: PyValue): PyDict {
    if (!isIn(mode, ["engage", "release"])) return failure("Invalid mode");
    const engaged = mode === "engage";
    const status = engaged ? "engaged" : "released";
    this.set("parkingBrakeStatus", status);
    this.#parkingBrakeForce = engaged ? 500 : 0;
    this.#slopeAngle = 10;
    const instruction = this.long("PARKING_BRAKE_INSTRUCTION");
    return PyDict.of({
      ...(instruction === undefined ? {} : { parkingBrakeInstruction: instruction }),
      parkingBrakeStatus: status,
      _parkingBrakeForce: this.#parkingBrakeForce,
      _slopeAngle: this.#slopeAngle,
    });
  }

  #brake(position: PyValue): PyDict {
    if (!compare("<=", 0n, position) || !compare("<=", position, 1n)) {
      return failure("Pedal position must be between 0 and 1.");
    }
    if (pyEqual(position, 0n)) return this.#pedal("released", 0);
    return this.#pedal("pressed", binaryOp("*", position, FULL_BRAKE));
  }

  #pedal(brakePedalStatus: "pressed" | "released", force: PyValue): PyDict {
    this.set("brakePedalStatus", brakePedalStatus);
    this.#brakePedalForce = force;
    return PyDict.of({ brakePedalStatus, brakePedalForce: pyFloat(force) });
  }

  #cruise(speed: PyValue, activate: boolean, distance: PyValue): PyDict {
    const distanceToNextVehicle = pyFloat(distance);
    const currentSpeed = pyFloat(speed);
    if (this.get("engine_state") === "stopped") {
      return failure("Start the engine before activating the cruise control.");
    }
    this.set("distanceToNextVehicle", distanceToNextVehicle);
    if (activate && (currentSpeed < 0 || currentSpeed > 120 || currentSpeed % 5 !== 0)) {
      return failure("Invalid speed");
    }
    const cruiseStatus = activate ? "active" : "inactive";
    this.set("cruiseStatus", cruiseStatus);
    return PyDict.of({ cruiseStatus, currentSpeed, distanceToNextVehicle });
  }

  #climate(
    temperature: PyValue,
    { unit, fan, mode }: { unit: PyValue; fan: PyValue; mode: PyValue },
  ): PyDict {
    if (!compare("<=", 0n, fan) || !compare("<=", fan, 100n)) {
      return failure("Fan speed must be between 0 and 100.");
    }
    this.set("acTemperature", temperature);
    if (unit === "fahrenheit") {
      const above = binaryOp("-", temperature, 32n);
      this.set("acTemperature", binaryOp("/", binaryOp("*", above, 5n), 9n));
    }
    this.set("fanSpeed", fan);
    this.set("acMode", mode);
    return PyDict.of({
      currentACTemperature: temperature,
      climateMode: mode,
      humidityLevel: this.get("humidityLevel"),
    });
  }

  #status(option: PyValue): PyDict {
    const metadata = this.long("CAR_STATUS_METADATA_EXTENSION");
    const status = PyDict.of(metadata === undefined ? {} : { metadata });
    const shown: Readonly<Record<string, Readonly<Record<string, PyValue>>>> = {
      fuel: { fuelLevel: this.get("fuelLevel") },
      battery: { batteryVoltage: this.get("batteryVoltage") },
      doors: { doorStatus: this.get("doorStatus") },
      climate: {
        currentACTemperature: this.get("acTemperature"),
        fanSpeed: this.get("fanSpeed"),
        climateMode: this.get("acMode"),
        humidityLevel: this.get("humidityLevel"),
      },
      headlights: { headlightStatus: this.get("headLightStatus") },
      parkingBrake: {
        parkingBrakeStatus: this.get("parkingBrakeStatus"),
        parkingBrakeForce: this.#parkingBrakeForce,
        slopeAngle: this.#slopeAngle,
      },
      brakePedal: {
        brakePedalStatus: this.get("brakePedalStatus"),
        brakePedalForce: this.#brakePedalForce,
      },
      engine: { engineState: this.get("engine_state") },
    };
    const known = typeof option === "string" && Object.hasOwn(shown, option);
    const fields = known ? shown[option] : { error: "Invalid option" };
    for (const [name, value] of Object.entries(fields)) status.set(name, value);
    return status;
  }

  #tires(): PyDict {
    const names = ["frontLeft", "frontRight", "rearLeft", "rearRight"]
      .map((place) => `${place}TirePressure`);
    const sum = names.map((name) => this.get(name)).reduce((a, b) => binaryOp("+", a, b));
    const mean = binaryOp("/", sum, 4n);
    const tires = PyDict.of(Object.fromEntries(names.map((name) => [name, this.get(name)])));
    const healthy = compare("<=", 30n, mean) && compare("<=", mean, 35n);
    tires.set("healthy_tire_pressure", healthy);
    tires.set("car_info", this.long("CAR_STATUS_METADATA_EXTENSION") ?? new PyDict());
    return tires;
  }

  #distance(a: PyValue, b: PyValue): PyDict {
    const rows = table("vehicle").get("distances") as PyValue[][];
    const row = rows.find(([from, to]) =>
      (pyEqual(a, from) && pyEqual(b, to)) || (pyEqual(a, to) && pyEqual(b, from))
    );
    const result = row
      ? PyDict.of({ distance: row[2] })
      : failure("distance not found in database.");
    const cities = this.long("INTERMEDIARY_CITIES");
    if (cities !== undefined) result.set("intermediaryCities", cities);
    return result;
  }
}
